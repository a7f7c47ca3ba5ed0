import assert from 'node:assert/strict';
import { RepeatLimit } from '../../nodes/shared/repeat-limit';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { catchNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('the same error again and again', () => {
  it('is let through once a minute, and summed up', () => {
    let now = 0;
    const summaries: [string, number][] = [];
    const limit = new RepeatLimit(
      (text, count) => summaries.push([text, count]),
      () => now,
    );
    assert.equal(limit.admit('full'), true);
    for (let count = 0; count < 3; count++) {
      assert.equal(limit.admit('full'), false);
      limit.count('full', 'the disk is full');
    }
    now = 30_000;
    assert.equal(limit.admit('full'), false);
    limit.count('full', 'the disk is full');
    assert.equal(limit.admit('other'), true);
    now = 60_000;
    assert.equal(limit.admit('full'), true);
    assert.deepEqual(summaries, [['the disk is full', 4]]);
    limit.close();
    assert.equal(summaries.length, 1);
  });

  describe('at an out node', () => {
    let mosquitto: Mosquitto;
    let flow: Flow | undefined;
    before(async () => {
      mosquitto = await Mosquitto.start();
    });
    afterEach(() => flow?.stop());
    after(() => mosquitto.remove());

    it('reaches Catch each time', async () => {
      flow = await Flow.start([
        tab,
        ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
        outNode('out'),
        catchNode('catch', 'errors', ['out']),
        helperNode('errors'),
      ]);
      for (let count = 0; count < 5; count++) flow.input('out', { topic: '#', payload: count });
      const caught = await flow.messages('errors', 5);
      assert.deepEqual(
        caught.map(({ payload }) => payload),
        [0, 1, 2, 3, 4],
      );
    });

    it('is logged once where nothing catches it, and summed up at the end', async () => {
      flow = await Flow.start([
        tab,
        ...session({ port: mosquitto.port, directory: temporaryDirectory() }),
        outNode('out'),
      ]);
      for (let count = 0; count < 5; count++) flow.input('out', { topic: '#', payload: count });
      const { logged } = flow;
      await waitFor(() => logged.length > 0, { what: 'the error in the log' });
      await flow.stop();
      flow = undefined;
      assert.deepEqual(
        logged.map(({ level, id }) => [level, id]),
        [
          ['error', 'out'],
          ['warn', 'out'],
        ],
      );
      assert.match(logged[0]?.text ?? '', /wildcard/);
      assert.match(logged[1]?.text ?? '', /repeated/);
    });
  });
});
