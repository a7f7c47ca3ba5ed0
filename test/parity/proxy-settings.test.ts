import assert from 'node:assert/strict';
import { httpProxyFor } from '../../nodes/mqtt-persistent-broker/http-proxy';
import { requireNodeRed } from '../nodes/flow';

const { getProxyForUrl } = requireNodeRed('@node-red/nodes/core/network/lib/proxyHelper.js') as {
  getProxyForUrl(url: string, options: object): string;
};

const proxy = 'http://proxy.example:3128';
const cases: [url: string, env: Record<string, string>, options?: Record<string, unknown>][] = [
  ['ws://broker.example/mqtt', {}],
  ['ws://broker.example/mqtt', { ws_proxy: proxy }],
  ['ws://broker.example/mqtt', { WS_PROXY: proxy }],
  ['wss://broker.example/mqtt', { ws_proxy: proxy }],
  ['wss://broker.example/mqtt', { wss_proxy: proxy }],
  ['ws://broker.example/mqtt', { http_proxy: proxy }],
  ['ws://broker.example/mqtt', { all_proxy: proxy }],
  ['ws://broker.example/mqtt', { npm_config_proxy: proxy }],
  ['ws://broker.example/mqtt', { npm_config_ws_proxy: proxy, ws_proxy: 'http://other.example' }],
  ['ws://broker.example/mqtt', { npm_config_ws_proxy: proxy }, { excludeNpm: true }],
  ['ws://broker.example/mqtt', { ws_proxy: 'http://lower.example', WS_PROXY: proxy }],
  ['ws://broker.example/mqtt', { ws_proxy: 'http://lower.example', WS_PROXY: proxy }, { favourUpperCase: true }],
  ['ws://broker.example/mqtt', { WS_PROXY: proxy }, { lowerCaseOnly: true }],
  ...['*', 'broker.example', 'example', '.example', '*.example', '*example', 'broker.example:80', 'broker.example:81']
    .concat(['other.example, broker.example', 'other.example broker.example', 'BROKER.EXAMPLE', 'broker.example:8080'])
    .flatMap((exceptions): typeof cases => [
      ['ws://broker.example/mqtt', { all_proxy: proxy, no_proxy: exceptions }],
      ['ws://broker.example:8080/mqtt', { all_proxy: proxy, NO_PROXY: exceptions }],
      ['wss://broker.example/mqtt', { all_proxy: proxy, npm_config_no_proxy: exceptions }],
    ]),
  ['ws://[::1]:9001/', { all_proxy: proxy, no_proxy: '[::1]' }],
  ['ws://[::1]:9001/', { all_proxy: proxy, no_proxy: '::1' }],
  ['ws://broker.example/mqtt', { ws_proxy: 'http://strict.example', http_proxy: proxy }, { mode: 'legacy' }],
  ['ws://broker.example/mqtt', { http_proxy: 'http://lower.example', HTTP_PROXY: proxy }, { mode: 'legacy' }],
  ['ws://broker.example/mqtt', { http_proxy: proxy, no_proxy: 'example' }, { mode: 'legacy' }],
  ['ws://broker.example/mqtt', { http_proxy: proxy, no_proxy: 'other.example, roker' }, { mode: 'legacy' }],
];

describe('the HTTP proxy for a WebSocket broker', () => {
  for (const [url, env, options] of cases) {
    it(`is the one that Node-RED finds: ${url} ${JSON.stringify(env)} ${JSON.stringify(options ?? {})}`, () => {
      const core = getProxyForUrl(url, { ...options, env });
      assert.equal(httpProxyFor(url, options, env), core === '' ? undefined : core);
    });
  }

  it('is an HTTP one when it is given without a scheme', () => {
    assert.equal(
      httpProxyFor('wss://broker.example/', {}, { all_proxy: 'proxy.example:3128' }),
      'http://proxy.example:3128',
    );
  });

  it('is none for addresses that are not WebSocket', () => {
    assert.equal(httpProxyFor('mqtt://broker.example', {}, { all_proxy: proxy }), undefined);
  });
});
