import { isRecord } from '../shared/config-values';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS: Record<string, number> = { 'ws:': 80, 'wss:': 443 };

/**
 * The HTTP proxy that a WebSocket broker is reached through, as Node-RED's own nodes find it: in the environment
 * (`ws_proxy`, `wss_proxy`, `all_proxy`, each also in capitals and as `npm_config_...`, without what `no_proxy` names),
 * or, with the mode `legacy`, in `http_proxy`. `options`: `proxyOptions` of Node-RED's settings; the variable
 * `NR_PROXY_MODE` wins over its mode.
 * @returns undefined without a proxy, and for a URL that is not WebSocket.
 */
export function httpProxyFor(
  url: string,
  options: unknown,
  environment: Environment = process.env,
): string | undefined {
  if (!/^wss?:/i.test(url) || !URL.canParse(url)) return undefined;
  const settings = isRecord(options) ? options : {};
  const env = isRecord(settings.env) ? (settings.env as Environment) : environment;
  const look = (name: string) => variable(name, settings, env);
  const forced = variable('nr_proxy_mode', {}, environment);
  const mode = forced === 'legacy' || forced === 'strict' ? forced : settings.mode;
  if (mode === 'legacy') return legacyProxy(url, env);
  const { protocol, hostname, port } = new URL(url);
  const exceptions = look('npm_config_no_proxy') || look('no_proxy');
  if (isExcepted(hostname, Number(port) || (DEFAULT_PORTS[protocol] as number), exceptions)) return undefined;
  const scheme = protocol.slice(0, -1);
  const names = [`npm_config_${scheme}_proxy`, `${scheme}_proxy`, 'npm_config_proxy', 'all_proxy'];
  const proxy = names.map(look).find((value) => value !== '');
  // Without a scheme it is a plain HTTP proxy.
  return proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`;
}

function variable(name: string, settings: Readonly<Record<string, unknown>>, env: Environment): string {
  if (settings.excludeNpm === true && name.startsWith('npm_config_')) return '';
  const [lower, upper] = [env[name], env[name.toUpperCase()]];
  if (settings.lowerCaseOnly === true) return lower || '';
  return (settings.favourUpperCase === true ? upper || lower : lower || upper) || '';
}

function legacyProxy(url: string, env: Environment): string | undefined {
  const proxy = env.HTTP_PROXY || env.http_proxy;
  const exceptions = (env.NO_PROXY || env.no_proxy || '').split(',').map((part) => part.trim());
  return exceptions.some((part) => part !== '' && url.includes(part)) ? undefined : proxy || undefined;
}

/** `no_proxy`: names, `.suffix`, `*.suffix` or `*`, each with a port or without, separated by commas or blanks. */
function isExcepted(hostname: string, port: number, exceptions: string): boolean {
  return exceptions
    .toLowerCase()
    .split(/[,\s]+/)
    .some((entry) => {
      const [, name = entry, onlyPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
      if (name === '' || (onlyPort !== undefined && Number(onlyPort) !== port)) return false;
      return /^[.*]/.test(name) ? hostname.endsWith(name.replace(/^\*/, '')) : hostname === name;
    });
}
