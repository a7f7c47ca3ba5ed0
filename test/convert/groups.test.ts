import assert from 'node:assert/strict';
import { type ConvertOptions, convertFlows, type FlowNode } from '../../src/convert';

const convert = (flows: readonly FlowNode[], options: Partial<ConvertOptions> = {}) =>
  convertFlows(flows, { persistSessions: false, newClientId: () => 'new', ...options });
const tab = { id: 'tab', type: 'tab', label: 'Tab' };
const broker = (id: string): FlowNode => ({ id, type: 'mqtt-broker', name: id.toUpperCase() });
const user = (id: string, brokerId: string, fields: object = {}): FlowNode => ({
  id,
  type: 'mqtt in',
  z: 'tab',
  name: id,
  broker: brokerId,
  ...fields,
});
const variable = (name: string) => `\${${name}}`;

/** The ids of the nodes in each group. */
const membersOf = (flows: readonly FlowNode[], options?: Partial<ConvertOptions>) =>
  convert(flows, options).groups.map(({ changed }) => changed.map(({ id }) => id).sort());

describe('nodes that are converted together', () => {
  it('are a broker node and those that use it', () => {
    assert.deepEqual(membersOf([tab, broker('a'), broker('b'), user('1', 'a'), user('2', 'b'), user('3', 'a')]), [
      ['1', '3', 'a'],
      ['2', 'b'],
    ]);
  });

  it('are also in and out nodes without a broker node, and those that use a converted one already', () => {
    const flows = [tab, user('1', ''), user('2', 'gone'), user('3', 'p'), { id: 'p', type: 'mqtt-persistent-broker' }];
    const { flows: after, groups } = convert(flows);
    assert.deepEqual(
      groups[0]?.changed.map(({ id }) => id),
      ['1', '2', '3'],
    );
    assert.equal(groups[0]?.key, '');
    assert.deepEqual(after.map(({ type }) => type).slice(1, 4), Array(3).fill('mqtt-persistent-in'));
  });

  it('are converted only where chosen', () => {
    const flows = [tab, broker('a'), broker('b'), user('1', 'a'), user('2', 'b')];
    const { flows: after, changed, groups } = convert(flows, { groups: ['b'] });
    assert.deepEqual(
      changed.map(({ id }) => id),
      ['b', '2'],
    );
    assert.deepEqual(
      groups.map(({ converted }) => converted),
      [false, true],
    );
    assert.equal(after[1], flows[1], 'what does not change is the same object');
    assert.equal(after[3], flows[3]);
  });
});

describe('nodes that stay as they are', () => {
  it('are those whose broker node a node of another package uses, wherever it names it', () => {
    for (const fields of [{ broker: 'a' }, { config: { servers: [{ id: 'a' }] } }, { server: ['b', 'a'] }]) {
      const flows = [
        tab,
        broker('a'),
        broker('b'),
        user('1', 'a'),
        user('2', 'b'),
        { id: 'x', type: 'sparkplug', ...fields },
      ];
      const { groups, changed } = convert(flows);
      const a = groups.find(({ key }) => key === 'a');
      assert.equal(a?.converted, false);
      assert.deepEqual(
        a?.obstacles.map(({ reason, node }) => [reason, node.id, node.type]),
        [['used-by', 'x', 'sparkplug']],
      );
      assert.ok(!changed.some(({ id }) => id === 'a' || id === '1'));
    }
  });

  it('are, on the way back, those whose broker node an admin node uses', () => {
    const flows = [
      { id: 'p', type: 'mqtt-persistent-broker' },
      { id: 'admin', type: 'mqtt-session-admin', broker: 'p' },
    ];
    const { groups, changed } = convert(flows, { direction: 'to-core' });
    assert.deepEqual(
      groups[0]?.obstacles.map(({ node }) => node.id),
      ['admin'],
    );
    assert.deepEqual(changed, []);
  });

  it('are those with a node on a locked flow', () => {
    const flows = [
      tab,
      { id: 'l', type: 'tab', locked: true },
      broker('a'),
      user('1', 'a'),
      user('2', 'a', { z: 'l' }),
    ];
    const { groups, flows: after } = convert(flows);
    assert.deepEqual(
      groups[0]?.obstacles.map(({ reason, node }) => [reason, node.id]),
      [['locked', '2']],
    );
    assert.deepEqual(after, flows);
  });

  it('are not those whose id merely stands inside of a text', () => {
    const text = { id: 'f', type: 'function', func: 'return RED.nodes.getNode("a") // a', wires: [['1']] };
    assert.equal(convert([tab, broker('a'), user('1', 'a'), text]).changed.length, 2);
  });
});

describe('broker nodes named by an environment variable', () => {
  it('are found where the variable is defined', () => {
    const flows = [
      { ...tab, env: [{ name: 'B', type: 'str', value: 'b' }] },
      broker('a'),
      broker('b'),
      user('1', variable('B')),
      user('2', 'a'),
    ];
    assert.deepEqual(membersOf(flows), [
      ['2', 'a'],
      ['1', 'b'],
    ]);
  });

  it('may be any when the environment of the process decides', () => {
    const flows = [tab, broker('a'), broker('b'), user('1', '$(B)'), { id: 'x', type: 'other', server: 'b' }];
    assert.deepEqual(membersOf(flows), [['1', 'a', 'b']]);
    assert.deepEqual(convert(flows).changed, []);
  });

  it('may be very many', () => {
    const flows = [tab, ...Array.from({ length: 20_000 }, (_, index) => broker(`b${index}`)), user('1', variable('B'))];
    const { changed, groups } = convertFlows(flows, { newClientId: ({ id }) => `of ${id}` });
    assert.deepEqual([changed.length, groups.length], [20_001, 1]);
  });

  it('need not be there', () => {
    assert.deepEqual(membersOf([tab, user('1', variable('B')), user('2', 'gone')]), [['1', '2']]);
  });

  const subflow = {
    id: 's',
    type: 'subflow',
    name: 'S',
    env: [
      { name: 'SERVER', type: 'mqtt-broker', value: '', ui: { type: 'conf-types' } },
      { name: 'OTHER', type: 'mqtt-broker', value: '', ui: { type: 'conf-types' } },
    ],
  };
  const instance = (id: string, value: string, name = 'SERVER') => ({
    id,
    type: 'subflow:s',
    z: 'tab',
    env: [{ name, type: 'conf-type', value }],
  });

  it('change with the property of the subflow that asks for them', () => {
    const flows = [
      tab,
      subflow,
      broker('a'),
      broker('b'),
      broker('c'),
      user('1', variable('SERVER'), { z: 's' }),
      instance('i', 'a'),
      instance('j', 'b'),
    ];
    assert.deepEqual(membersOf(flows), [['1', 'a', 'b', 's'], ['c']]);
    const { flows: after } = convert(flows);
    assert.deepEqual(
      (after[1]!.env as { type: string }[]).map(({ type }) => type),
      ['mqtt-persistent-broker', 'mqtt-broker'],
      'only the property that an MQTT node uses',
    );
    assert.deepEqual(convert(after, { direction: 'to-core' }).flows, flows);
  });

  it('stay when another node uses the property, or an instance gives the broker node to one', () => {
    const used = [tab, subflow, broker('a'), user('1', variable('SERVER'), { z: 's' }), instance('i', 'a')];
    const other = { id: 'x', type: 'other', z: 's', server: variable('SERVER') };
    assert.deepEqual(
      convert([...used, other]).groups[0]?.obstacles.map(({ node }) => node.id),
      ['x'],
    );
    assert.deepEqual(
      convert([...used, instance('j', 'a', 'OTHER')]).groups[0]?.obstacles.map(({ node }) => node.id),
      ['j'],
    );
  });
});
