import * as assert from 'node:assert/strict';
import { type Judgement, judgeHolder, type LockContent } from '../../src/store/lock-judgement';
import { factsOf, machine } from './support';

const container = { pidNamespace: 'container-1' };
const running = { 7: '100' };

interface Case {
  situation: string;
  self?: Partial<typeof machine>;
  holder: Partial<LockContent>;
  namespacesInUse?: string[];
  onNetwork?: boolean;
  judgement: Judgement;
}

const cases: Case[] = [
  { situation: 'our machine, the process runs', holder: { pid: 7, processStart: '100' }, judgement: 'alive' },
  { situation: 'our machine, no such process', holder: { pid: 8, processStart: '100' }, judgement: 'dead' },
  {
    situation: 'our machine, the pid belongs to a later process',
    holder: { pid: 7, processStart: '99' },
    judgement: 'dead',
  },
  { situation: 'our machine, the start time is unknown', holder: { pid: 7, processStart: '' }, judgement: 'alive' },
  {
    situation: 'our container, the process runs',
    self: container,
    holder: { ...container, pid: 7, processStart: '100', beats: true },
    judgement: 'alive',
  },
  {
    situation: 'our container before its restart',
    self: { pidNamespace: 'container-2' },
    holder: { ...container, pid: 7, processStart: '100', beats: true },
    judgement: 'dead',
  },
  {
    situation: 'a container with our host name that still runs, seen from the machine',
    holder: { ...container, beats: true },
    namespacesInUse: ['container-1'],
    judgement: 'alive',
  },
  {
    situation: 'a container with our host name that has ended, seen from the machine',
    holder: { ...container, beats: true },
    judgement: 'dead',
  },
  {
    situation: 'a process of the machine, seen from a container with its host name',
    self: container,
    holder: {},
    judgement: 'silent',
  },
  {
    situation: 'another container on our machine and volume',
    self: container,
    holder: { host: 'other', pidNamespace: 'container-2', beats: true },
    judgement: 'beating',
  },
  { situation: 'our machine before its restart', holder: { bootId: 'boot-0' }, judgement: 'dead' },
  {
    situation: 'a machine of the same name on the same network file system, without beats',
    holder: { bootId: 'boot-0' },
    onNetwork: true,
    judgement: 'silent',
  },
  {
    situation: 'our host name, another boot, beating',
    holder: { bootId: 'boot-0', beats: true },
    judgement: 'beating',
  },
  {
    situation: 'another host that beats',
    holder: { host: 'other', bootId: 'boot-9', beats: true },
    judgement: 'beating',
  },
  { situation: 'another host that is silent', holder: { host: 'other', bootId: 'boot-9' }, judgement: 'silent' },
  {
    situation: 'a platform without boot id, our host',
    self: { bootId: '', pidNamespace: '' },
    holder: { bootId: '', pidNamespace: '', pid: 8 },
    judgement: 'dead',
  },
  {
    situation: 'a platform without boot id, another host with a dead pid of ours',
    self: { bootId: '', pidNamespace: '' },
    holder: { bootId: '', pidNamespace: '', host: 'other', pid: 8 },
    judgement: 'silent',
  },
];

describe('the holder of a lock is judged', () => {
  for (const { situation, self, holder, namespacesInUse, onNetwork, judgement } of cases) {
    it(`${judgement}: ${situation}`, async () => {
      const us = { ...machine, ...self };
      const content = { ...machine, nonce: '0'.repeat(32), beats: false, beat: 0, ...holder };
      const facts = factsOf(us, running, namespacesInUse);
      assert.equal(await judgeHolder(content, us, facts, onNetwork ?? false), judgement);
    });
  }
});
