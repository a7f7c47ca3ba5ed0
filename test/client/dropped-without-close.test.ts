import * as assert from 'node:assert/strict';
import * as v8 from 'node:v8';
import * as vm from 'node:vm';
import { ManualAcknowledgements, sessionOfEpoch } from '../../src/client/manual-acknowledgements';
import type { Route } from '../../src/client/router';
import type { Scheduler } from '../../src/scheduler';
import type { Delivery } from '../../src/session/effects';
import { waitFor } from '../support/wait';

/** Keeps no task, so that it holds nothing. */
const forgetful: Scheduler = { now: () => 0, after: () => () => undefined };

describe('a session that is dropped without being closed', () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;

  /** A session with a message that waits for its acknowledgement. */
  function open(): { acknowledgements: ManualAcknowledgements; epoch: string } {
    const acknowledgements = new ManualAcknowledgements('plant', forgetful, () => undefined);
    acknowledgements.begin();
    const delivery = { delivery: 1, message: { topic: 'a' } } as unknown as Delivery;
    const route = { subscriber: 'one', filter: 'a', acknowledge: 'manual' } as unknown as Route;
    const [reference] = acknowledgements.expect(delivery, [route], () => undefined);
    return { acknowledgements, epoch: reference?.epoch ?? '' };
  }

  it('is found by its references while it is held, and not kept in memory by them', async () => {
    const held = open();
    const { dropped, epoch } = (() => {
      const { acknowledgements, epoch } = open();
      return { dropped: new WeakRef(acknowledgements), epoch };
    })();
    await waitFor(
      () => {
        collect();
        return dropped.deref() === undefined;
      },
      { what: 'the dropped session to be collected' },
    );
    assert.equal(sessionOfEpoch(epoch), undefined);
    assert.equal(sessionOfEpoch(held.epoch)?.session, 'plant');
    held.acknowledgements.end();
    assert.equal(sessionOfEpoch(held.epoch), undefined);
  });
});
