import type { Direction } from './types';

type Role = 'in' | 'out' | 'broker';
export type TypeNames = Readonly<Record<Role, string>>;

const CORE: TypeNames = { in: 'mqtt in', out: 'mqtt out', broker: 'mqtt-broker' };
const PERSISTENT: TypeNames = {
  in: 'mqtt-persistent-in',
  out: 'mqtt-persistent-out',
  broker: 'mqtt-persistent-broker',
};

/** The types that a conversion finds, and those it makes of them. */
export function typesFor(direction: Direction): { from: TypeNames; to: TypeNames } {
  return direction === 'to-persistent' ? { from: CORE, to: PERSISTENT } : { from: PERSISTENT, to: CORE };
}

export function roleOf(type: string, types: TypeNames): Role | undefined {
  return (['in', 'out', 'broker'] as const).find((role) => types[role] === type);
}

export function isBrokerType(type: string): boolean {
  return type === CORE.broker || type === PERSISTENT.broker;
}

/**
 * The fields that only the persistent nodes have, with what they mean when a flow lacks them. A converted node gets none
 * of them: absent is the default. On the way back they go, because Node-RED's editor would drop them anyway.
 */
export const OWN_FIELDS: Readonly<Record<Role, Readonly<Record<string, unknown>>>> = {
  in: { acknowledge: 'auto' },
  out: { complete: 'stored' },
  broker: { store: '', maxInflight: 100, brokerReceiveMaximum: '', maxSendRate: '', onSessionLost: 'republish' },
};
