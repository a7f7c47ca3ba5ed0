import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Packet } from 'mqtt-packet';
import { BrokerFaults, type Feed } from './harness/broker-faults';
import type { Finding } from './harness/findings';
import { keyOf } from './harness/ledger';
import { WireHistory } from './harness/wire-history';

const OUT = keyOf('v5/out/qos1', 1);
const OUT_TWICE = keyOf('v5/out/qos2', 2);
const IN = keyOf('v5/in/qos2', 3);

describe('what a broker is blamed for', () => {
  let directory = '';
  let wire: WireHistory;
  let feeds: Map<string, Feed>;
  let faults: BrokerFaults;

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'broker-faults-'));
    wire = new WireHistory(directory);
    feeds = new Map();
    faults = new BrokerFaults(wire, feeds);
    packet('toBroker', { cmd: 'connect', clientId: 'v5' } as Packet);
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  function packetOn(connection: number, direction: 'toBroker' | 'toClient', content: Packet): void {
    wire.record({ connection, direction, packet: { cmd: content.cmd }, timeMs: 0 }, content);
  }

  function packet(direction: 'toBroker' | 'toClient', content: Packet): void {
    packetOn(1, direction, content);
  }

  function publish(direction: 'toBroker' | 'toClient', key: string, qos: 1 | 2, messageId: number): void {
    const [topic = '', sequence] = key.split(' ');
    const payload = `{"stream":"${topic}","seq":${sequence}}`;
    packet(direction, { cmd: 'publish', topic, payload, qos, messageId, dup: false, retain: false });
  }

  function killBroker({ savedMsAgo }: { savedMsAgo: number }): void {
    faults.killed(Date.now() - savedMsAgo);
    faults.starting();
  }

  const lostOut: Finding = { kind: 'lost-out', key: OUT, qos: 1, text: '' };
  const doubledOut: Finding = { kind: 'doubled-out', key: OUT_TWICE, qos: 2, text: '' };
  const lostIn: Finding = { kind: 'lost-in', key: IN, qos: 2, text: '' };
  const later = () => new Promise((resolve) => setTimeout(resolve, 150));

  it('a message that it acknowledged after its last save', () => {
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7 });
    killBroker({ savedMsAgo: 1_000 });
    assert.ok(faults.explains(lostOut));
  });

  it('not a message that it never acknowledged', () => {
    publish('toBroker', OUT, 1, 7);
    killBroker({ savedMsAgo: 1_000 });
    assert.ok(!faults.explains(lostOut));
  });

  it('not a message that it acknowledged before its last save', async () => {
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7 });
    await later();
    killBroker({ savedMsAgo: 0 });
    assert.ok(!faults.explains(lostOut));
  });

  it('not a message that was sent again and acknowledged after the kill', async () => {
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7 });
    killBroker({ savedMsAgo: 1_000 });
    await later();
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7 });
    assert.ok(!faults.explains(lostOut));
  });

  it('not a message without any fault, nor one that only lost its session', () => {
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7 });
    assert.ok(!faults.explains(lostOut));
    faults.sessionLost();
    assert.ok(!faults.explains(lostOut));
  });

  it('a second delivery at QoS 2 when the session was lost in the middle of the first, and not otherwise', async () => {
    publish('toBroker', OUT_TWICE, 2, 8);
    assert.ok(!faults.explains(doubledOut));
    faults.sessionLost();
    assert.ok(faults.explains(doubledOut));
    assert.ok(!faults.explains({ ...doubledOut, qos: 0 }));
    assert.ok(!faults.explains({ ...doubledOut, key: OUT }));
  });

  it('a QoS 2 message that it had before it lost the session, when the client never learnt of that', async () => {
    const lost: Finding = { ...lostOut, key: OUT_TWICE, qos: 2 };
    publish('toBroker', OUT_TWICE, 2, 8);
    packet('toClient', { cmd: 'pubrec', messageId: 8 });
    await later();
    faults.sessionLost();
    await later();
    assert.ok(!faults.explains(lost), 'it is still open');
    packetOn(2, 'toBroker', { cmd: 'connect', clientId: 'v5' } as Packet);
    packetOn(2, 'toBroker', { cmd: 'pubrel', messageId: 8 });
    packetOn(2, 'toClient', { cmd: 'pubcomp', messageId: 8 });
    assert.ok(faults.explains(lost));
  });

  it('not a QoS 2 message when the client learnt of the lost session before', async () => {
    publish('toBroker', OUT_TWICE, 2, 8);
    packet('toClient', { cmd: 'pubrec', messageId: 8 });
    await later();
    faults.sessionLost();
    await later();
    packetOn(2, 'toBroker', { cmd: 'connect', clientId: 'v5' } as Packet);
    packetOn(2, 'toClient', { cmd: 'connack', sessionPresent: false, returnCode: 0 });
    packetOn(2, 'toBroker', { cmd: 'pingreq' });
    await later();
    packetOn(2, 'toClient', { cmd: 'pubcomp', messageId: 8 });
    assert.ok(!faults.explains({ ...lostOut, key: OUT_TWICE, qos: 2 }));
  });

  it('a message that it refused by a quota that it keeps for what it has forgotten, and no other refusal', () => {
    publish('toBroker', OUT, 1, 7);
    packet('toClient', { cmd: 'puback', messageId: 7, reasonCode: 0x97 });
    assert.ok(!faults.explains(lostOut));
    killBroker({ savedMsAgo: 0 });
    assert.ok(faults.explains(lostOut));
    const other = keyOf('v5/out/qos1', 2);
    publish('toBroker', other, 1, 8);
    packet('toClient', { cmd: 'puback', messageId: 8, reasonCode: 0x87 });
    assert.ok(!faults.explains({ ...lostOut, key: other }));
  });

  it('an order that it has changed, and not one that the client has', () => {
    const disorder = (sequence: number): Finding => ({
      kind: 'disorder-out',
      key: keyOf('v5/out/qos1', sequence),
      qos: 1,
      text: '',
    });
    for (const sequence of [1, 2, 4, 3]) publish('toBroker', keyOf('v5/out/qos1', sequence), 1, sequence);
    assert.ok(faults.explains(disorder(2)));
    assert.ok(!faults.explains(disorder(3)));
  });

  it('a message for the client that it had taken and not saved, unless the client answered it', () => {
    feeds.set(IN, { qos: 2, givenAtMs: performance.now() - 20, takenAtMs: performance.now() - 10 });
    killBroker({ savedMsAgo: 1_000 });
    assert.ok(faults.explains(lostIn));
    publish('toClient', IN, 2, 9);
    packet('toBroker', { cmd: 'pubrec', messageId: 9 });
    assert.ok(!faults.explains(lostIn));
  });

  it('a message under an identifier that the client still held for another', () => {
    publish('toClient', keyOf('v5/in/qos2', 1), 2, 9);
    packet('toBroker', { cmd: 'pubrec', messageId: 9 });
    publish('toClient', keyOf('v5/in/qos1', 2), 1, 9);
    packet('toBroker', { cmd: 'puback', messageId: 9 });
    publish('toClient', IN, 2, 9);
    packet('toBroker', { cmd: 'pubrec', messageId: 9 });
    assert.ok(faults.explains(lostIn));
  });

  it('not a message under an identifier that was released', () => {
    publish('toClient', keyOf('v5/in/qos2', 1), 2, 9);
    packet('toBroker', { cmd: 'pubrec', messageId: 9 });
    packet('toBroker', { cmd: 'pubcomp', messageId: 9 });
    publish('toClient', IN, 2, 9);
    packet('toBroker', { cmd: 'pubrec', messageId: 9 });
    assert.ok(!faults.explains(lostIn));
  });
});
