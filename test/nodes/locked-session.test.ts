import assert from 'node:assert/strict';
import { LibraryProcess } from '../support/library-process';
import { Mosquitto } from '../support/mosquitto';
import { waitFor } from '../support/wait';
import { catchNode, Flow, helperNode, outNode, session, tab, temporaryDirectory } from './flow';

describe('a session that another process has', () => {
  let mosquitto: Mosquitto;
  let flow: Flow | undefined;
  let holder: LibraryProcess | undefined;
  before(async () => {
    mosquitto = await Mosquitto.start();
  });
  after(async () => {
    await flow?.stop();
    await holder?.kill();
    await mosquitto.remove();
  });

  it('is waited for, naming that process, and taken when it is gone', async () => {
    const directory = temporaryDirectory();
    holder = await LibraryProcess.start({
      storePath: directory,
      url: mosquitto.url,
      clients: [{ clientId: 'flow-test', protocolVersion: 4, connect: false }],
      doneFile: `${directory}-done`,
      receivedFile: `${directory}-received`,
      generation: 1,
    });
    flow = await Flow.start([
      tab,
      ...session({ port: mosquitto.port, directory }),
      outNode('out', { topic: 'plant', qos: '1' }),
      catchNode('catch', 'errors', ['out']),
      helperNode('errors'),
    ]);
    const status = await flow.statusState('out', 'waiting');
    assert.equal(status.fill, 'yellow');
    flow.input('out', { payload: 'x', _msgid: 'mine' });
    const caught = await waitFor(() => flow?.caught('errors').find(({ _msgid }) => _msgid === 'mine'), {
      what: 'the refused message',
    });
    assert.equal(caught.error.code, 'ERR_SESSION_LOCKED');
    await holder.kill();
    await flow.statusState('out', 'connected');
  }).timeout(30_000);
});
