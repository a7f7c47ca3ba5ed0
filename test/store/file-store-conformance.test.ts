import { openSessionStore } from '../../src/store/session-store';
import { testSessionOpener } from './session-opener-conformance';
import { temporaryDirectory } from './support';

describe('the file store as storage of sessions', () => {
  const directory = temporaryDirectory();
  testSessionOpener(async () => ({
    opener: await openSessionStore({ path: directory() }),
    other: await openSessionStore({ path: directory(), closeWaitMs: 0 }),
  }));
});
