import type { Request } from 'express';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { SessionError } from '../../src/errors';
import { testStoragePath } from '../../src/store/storage-path-test';
import { BROKER_TYPE } from '../mqtt-persistent-broker/node';
import { sessionClaims } from '../mqtt-persistent-broker/session-host';
import { STORE_TYPE } from '../mqtt-session-store/node';
import { storeSettings } from '../shared/store-settings';
import { bodyOf } from './http-request';

/** As Node-RED has it: the whole field is one variable. */
const VARIABLE = /^\$(?:\((\S+)\)|\{(\S+)\})$/;

/**
 * What a store node with the path in the body would find; a relative path and an environment variable mean what they
 * will mean when it is deployed.
 * @throws SessionError `ERR_REQUEST`, `ERR_PROPERTY`, `ERR_STORE_PATH`.
 */
export async function pathTest(RED: NodeAPI, request: Request): Promise<Record<string, unknown>> {
  const { path: entered = '' } = bodyOf(request);
  if (typeof entered !== 'string' || entered.includes('\0')) {
    throw new SessionError('ERR_PROPERTY', '"path" must be a text without the null character.', {
      details: { name: 'path' },
    });
  }
  const [, old, name = old] = VARIABLE.exec(entered.trim()) ?? [];
  const value = name === undefined ? entered : variable(RED, name);
  if (value === '' && name !== undefined) return { variable: name };
  const { path } = storeSettings({ path: value }, RED.settings.userDir);
  return { ...(await testStoragePath(path)), sessions: sessionClaims.list(path).length };
}

/** Of the process, or set for all flows; empty: neither. */
function variable(RED: NodeAPI, name: string): string {
  let global: NodeDef | undefined;
  RED.nodes.eachNode((node: NodeDef) => {
    if ((node.type === STORE_TYPE || node.type === BROKER_TYPE) && !node.z) global ??= node;
  });
  const node: unknown = global === undefined ? undefined : RED.nodes.getNode(global.id);
  return String(RED.util.evaluateNodeProperty(name, 'env', (node ?? {}) as Node, {}) ?? '').trim();
}
