import type { NodeAPI } from 'node-red';
import { registerBroker } from './mqtt-persistent-broker/node';
import { registerIn } from './mqtt-persistent-in/node';
import { registerOut } from './mqtt-persistent-out/node';
import { registerAdmin } from './mqtt-session-admin/node';
import { registerStore } from './mqtt-session-store/node';

/** The node set: what Node-RED loads. */
export = (RED: NodeAPI): void => {
  registerStore(RED);
  registerBroker(RED);
  registerIn(RED);
  registerOut(RED);
  registerAdmin(RED);
};
