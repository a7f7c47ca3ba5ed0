import * as assert from 'node:assert/strict';
import type { OutboundPacket } from '../../src/session/packets';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { emptySessionState } from '../../src/session/state';
import { limits } from './harness';

const resumed = limits({ sessionPresent: true });
const address = 'mqtt://broker';

/** Carries out what the session asks for as if every write were durable at once; returns the packets. */
function settle(session: Session): OutboundPacket[] {
  const packets: OutboundPacket[] = [];
  for (let effects = session.takeEffects(0); effects.length > 0; effects = session.takeEffects(0)) {
    for (const effect of effects) {
      if (effect.type === 'append') session.durable(effect.sequence);
      if (effect.type === 'send') packets.push(effect.packet);
    }
  }
  return packets;
}

describe('session: records that counted as durable are gone with the machine', () => {
  const state = { ...emptySessionState(), sequence: 7, mark: 7, queueAfter: 7, broker: address, received: [12] };
  const options = { maxInflight: 10, maxBytes: 1e6, whenFull: 'reject', onSessionLost: 'republish' } as const;

  function recovered(): Session {
    return new Session(
      new Recovery(structuredClone(state), []),
      { ...options, receiveMaximum: 10, handshakesMax: 20, keepFailed: true, maxSendRate: 0 },
      0,
    );
  }

  it('clears an identifier that the broker may hold before it carries a new QoS 2 message', () => {
    const session = recovered();
    session.distrustIdentifiers();
    session.connected({ address, limits: resumed }, 0);
    session.publish({ topic: 'a', payload: Buffer.from('new'), qos: 2, retain: false }, undefined, false, 0);
    const [first, ...others] = settle(session);
    assert.equal(first?.cmd, 'pubrel');
    assert.deepEqual(others, [], 'PUBLISH waits for PUBCOMP');
    session.received({ cmd: 'pubcomp', messageId: first?.messageId as number }, 0);
    const published = settle(session).map(({ cmd, messageId }) => ({ cmd, messageId }));
    assert.deepEqual(published, [{ cmd: 'publish', messageId: first?.messageId }]);
  });

  it('does not swallow a new inbound message for an identifier whose removal was lost', () => {
    const session = recovered();
    session.distrustIdentifiers();
    session.connected({ address, limits: resumed }, 0);
    settle(session);
    const message = { topic: 'a', payload: Buffer.from('new'), qos: 2, retain: false, dup: false } as const;
    session.received({ cmd: 'publish', messageId: 12, ...message }, 0);
    assert.equal(session.takeEffects(0).filter(({ type }) => type === 'deliver').length, 1);
  });

  it('without that, an identifier handed over before is only answered', () => {
    const session = recovered();
    session.connected({ address, limits: resumed }, 0);
    settle(session);
    const message = { topic: 'a', payload: Buffer.from('again'), qos: 2, retain: false, dup: true } as const;
    session.received({ cmd: 'publish', messageId: 12, ...message }, 0);
    assert.deepEqual(settle(session), [{ cmd: 'pubrec', messageId: 12 }]);
  });
});
