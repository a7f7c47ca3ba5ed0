import type { Node, NodeAPI, NodeDef } from 'node-red';
import { SessionError } from '../../src/errors';
import { storeNodeOf } from '../mqtt-session-store/node';
import { textOf } from '../shared/config-values';
import { quietErrors } from '../shared/quiet-errors';
import type { StoreLog } from '../shared/store-clean-up';
import { storeSettings } from '../shared/store-settings';
import { runtimeTexts } from '../shared/texts';
import { Broker } from './broker';
import { CoreFace } from './core-face';
import type { BrokerCredentials } from './settings';

export const BROKER_TYPE = 'mqtt-persistent-broker';

type BrokerNode = Node<BrokerCredentials>;
type TlsNode = Node & { addTLSOptions?(options: Record<string, unknown>): void };

const brokers = new WeakMap<object, Broker>();

/** The broker behind a broker node; undefined when there is no such node, or its configuration does not allow one. */
export function brokerOf(RED: NodeAPI, id: unknown): Broker | undefined {
  const nodeId = textOf(id);
  const node: unknown = nodeId === undefined ? undefined : RED.nodes.getNode(nodeId);
  return typeof node === 'object' && node !== null ? brokers.get(node) : undefined;
}

/** For what belongs to no node. */
function redLog({ log }: NodeAPI): StoreLog {
  return {
    debug: (text) => log.debug(text),
    log: (text) => log.info(text),
    warn: (text) => log.warn(text),
    error: (text) => log.error(text),
  };
}

export function registerBroker(RED: NodeAPI): void {
  const translate = runtimeTexts(RED._);

  function createBroker(this: BrokerNode, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    quietErrors(this, translate);
    const config: Record<string, unknown> = { ...definition };
    const store = textOf(config.store) === undefined ? undefined : storeNodeOf(RED, config.store);
    if (store === undefined && textOf(config.store) !== undefined) {
      // Another store would hold another session: better none than the wrong one.
      this.error(
        new SessionError('ERR_CONFIGURATION', translate('errors.store-missing', { id: String(config.store) })),
      );
      return;
    }
    // Also with TLS off: a connect action may turn it on.
    const tlsId = textOf(config.tls);
    const tls = tlsId === undefined ? undefined : (RED.nodes.getNode(tlsId) as TlsNode | null);
    const broker = new Broker(RED, this, config, {
      store: store?.settings ?? storeSettings({}, RED.settings.userDir),
      storeLog: store?.node ?? redLog(RED),
      addTLSOptions: tls?.addTLSOptions === undefined ? undefined : (options) => tls.addTLSOptions?.(options),
    });
    brokers.set(this, broker);
    new CoreFace(RED, this, broker).attach();
    // Node-RED gives errors of a config node to the Catch nodes of these.
    Object.defineProperty(this, 'users', { get: () => broker.userNodes(), configurable: true });
    this.on('close', (done: () => void) => {
      broker.close().then(done, (error: Error) => {
        this.error(error);
        done();
      });
    });
  }

  RED.nodes.registerType<BrokerNode, NodeDef, object, BrokerCredentials>(BROKER_TYPE, createBroker, {
    credentials: { user: { type: 'text' }, password: { type: 'password' } },
  });
}
