import assert from 'node:assert/strict';
import { convertFlows, type FlowNode } from '../../src/convert';
import { BROKER, everyField } from './every-field';
import { randomFlow } from './random-flow';

const toPersistent = (flows: readonly FlowNode[], persistSessions = true) =>
  convertFlows(flows, { persistSessions, newClientId: ({ id }) => `made-for-${id}` });
const toCore = (flows: readonly FlowNode[]) =>
  convertFlows(flows, { direction: 'to-core', newClientId: () => assert.fail('no client id is made on the way back') });

/** Fields in which two nodes differ. */
function differences(left: FlowNode, right: FlowNode): string[] {
  const fields = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...fields].filter((field) => JSON.stringify(left[field]) !== JSON.stringify(right[field]));
}

/** Fails on any change of what it is given. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

describe('converting flows', () => {
  it('changes nothing but the types when sessions stay as they are, and comes back exactly', () => {
    const flows = frozen(everyField(1883));
    const { flows: converted, changed } = toPersistent(flows, false);
    flows.forEach((before, index) => {
      const isMqtt = before.type.startsWith('mqtt');
      assert.deepEqual(differences(before, converted[index]!), isMqtt ? ['type'] : [], before.id);
      assert.deepEqual(Object.keys(converted[index]!), Object.keys(before), 'the order of the fields');
    });
    assert.deepEqual(
      changed.map(({ id, from, type, label, z }) => [id, from, type, label, z]),
      [
        [BROKER, 'mqtt-broker', 'mqtt-persistent-broker', 'Plant broker', undefined],
        ['i000000000000001', 'mqtt in', 'mqtt-persistent-in', 'readings', 't000000000000001'],
        ['i000000000000002', 'mqtt in', 'mqtt-persistent-in', 'on demand', 't000000000000001'],
        ['o000000000000001', 'mqtt out', 'mqtt-persistent-out', 'state', 't000000000000001'],
        ['o000000000000002', 'mqtt out', 'mqtt-persistent-out', 'plant/seen', 't000000000000001'],
        ['o000000000000003', 'mqtt out', 'mqtt-persistent-out', 'on a disabled flow', 't000000000000002'],
      ],
    );
    assert.deepEqual(toCore(converted).flows, flows);
  });

  it('makes sessions persistent by clean session and client id alone', () => {
    const flows = frozen(everyField(1883).map((node) => (node.id === BROKER ? { ...node, clientid: ' ' } : node)));
    const { flows: converted, changed } = toPersistent(flows);
    const back = toCore(converted).flows;
    flows.forEach((before, index) => {
      assert.deepEqual(differences(before, back[index]!), before.id === BROKER ? ['clientid', 'cleansession'] : []);
    });
    const broker = converted.find(({ id }) => id === BROKER)!;
    assert.deepEqual([broker.cleansession, broker.clientid], [false, `made-for-${BROKER}`]);
    assert.deepEqual(changed[0]?.warnings, [{ code: 'client-id-new', clientId: `made-for-${BROKER}` }]);
  });

  it('keeps a client id, also when the environment gives it', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is what a user enters.
    for (const clientid of ['gateway', '${CLIENT_ID}']) {
      const { flows, changed } = toPersistent([{ id: 'b', type: 'mqtt-broker', clientid, cleansession: 'true' }]);
      assert.deepEqual(flows, [{ id: 'b', type: 'mqtt-persistent-broker', clientid, cleansession: false }]);
      assert.deepEqual(changed[0]?.warnings, []);
    }
  });

  it('leaves credentials that come with a flow at their node', () => {
    const flows = [{ id: 'b', type: 'mqtt-broker', credentials: { user: 'u', password: 'p' } }];
    assert.deepEqual(toPersistent(flows, false).flows[0]?.credentials, { user: 'u', password: 'p' });
  });

  it('holds for random flows: exact without the offer, the two fields of broker nodes with it', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const flows = frozen(randomFlow(seed));
      assert.deepEqual(toCore(toPersistent(flows, false).flows).flows, flows, `seed ${seed}`);
      const offered = toPersistent(flows);
      toCore(offered.flows).flows.forEach((after, index) => {
        const different = differences(flows[index]!, after).filter(
          (field) => flows[index]?.type !== 'mqtt-broker' || !['clientid', 'cleansession'].includes(field),
        );
        assert.deepEqual(different, [], `seed ${seed}, ${after.id}`);
      });
      assert.deepEqual(toPersistent(offered.flows).changed, [], `seed ${seed}: nothing is left to convert`);
    }
  });

  it('drops on the way back what only the persistent nodes have, and says which of it mattered', () => {
    const { flows, changed } = toCore([
      {
        id: 'b',
        type: 'mqtt-persistent-broker',
        clientid: 'c',
        cleansession: false,
        protocolVersion: 4,
        store: 's',
        maxInflight: '100',
        onSessionLost: 'discard',
      },
      { id: 'o', type: 'mqtt-persistent-out', broker: 'b', complete: 'stored' },
      { id: 's', type: 'mqtt-session-store', path: '' },
    ]);
    assert.deepEqual(flows, [
      { id: 'b', type: 'mqtt-broker', clientid: 'c', cleansession: false, protocolVersion: 4 },
      { id: 'o', type: 'mqtt out', broker: 'b' },
      { id: 's', type: 'mqtt-session-store', path: '' },
    ]);
    assert.deepEqual(
      changed.map(({ warnings }) => warnings),
      [[{ code: 'fields-lost', fields: ['store', 'onSessionLost'] }], []],
    );
  });

  it('warns of what Node-RED does otherwise with a session', () => {
    const warningsOf = (fields: object) =>
      toCore([{ id: 'b', type: 'mqtt-persistent-broker', ...fields }]).changed[0]?.warnings.map(({ code }) => code);
    assert.deepEqual(warningsOf({ cleansession: false, clientid: '' }), ['client-id-needed']);
    assert.deepEqual(warningsOf({ clientid: 'c', protocolVersion: '5', sessionExpiry: '' }), ['session-expiry']);
    assert.deepEqual(warningsOf({ clientid: 'c', protocolVersion: '5', sessionExpiry: '60' }), []);
    assert.deepEqual(warningsOf({ cleansession: true, clientid: '', protocolVersion: '5' }), []);
  });

  it('warns of certificates that were not verified', () => {
    const warningsOf = (fields: object) =>
      toPersistent([{ id: 'b', type: 'mqtt-broker', clientid: 'c', ...fields }]).changed[0]?.warnings.map(
        ({ code }) => code,
      );
    assert.deepEqual(warningsOf({ usetls: true, broker: 'h' }), ['certificates']);
    assert.deepEqual(warningsOf({ usetls: false, broker: 'mqtts://h' }), ['certificates']);
    assert.deepEqual(warningsOf({ usetls: true, broker: 'h', tls: 't' }), []);
    assert.deepEqual(warningsOf({ usetls: true, broker: 'h', verifyservercert: true }), []);
    assert.deepEqual(warningsOf({ usetls: true, broker: 'mqtt://h' }), []);
  });

  it('warns of a client id that two broker nodes of one store have', () => {
    const broker = (id: string, type: string, store?: string) => ({
      id,
      type,
      name: `name of ${id}`,
      clientid: 'c',
      store,
    });
    const { changed } = toPersistent([
      broker('1', 'mqtt-broker'),
      broker('2', 'mqtt-persistent-broker'),
      broker('3', 'mqtt-persistent-broker', 'another'),
    ]);
    assert.deepEqual(changed[0]?.warnings, [{ code: 'client-id-shared', clientId: 'c', others: ['name of 2'] }]);
  });
});
