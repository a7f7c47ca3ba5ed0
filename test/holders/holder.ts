/** A process that wants a session; see holder-process.ts. Its options are its only argument, as JSON. */
import { readdirSync, readlinkSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errorCode, openSessionStore, SessionClient, type SessionStore } from '../../src';
import { directoryName } from '../formats/decoder';
import type { Command, HolderOptions, Told } from './protocol';

const PUBLISH_INTERVAL_MS = 2;
const RETRY_MS_MAX = 6;

const options = JSON.parse(process.argv[2] as string) as HolderOptions;
const { storePath, url = 'mqtt://127.0.0.1:1' } = options;

// Nobody is there any more to end it.
process.on('disconnect', () => process.exit(1));

function tell(told: Told): void {
  process.send?.(told);
}

function now(): string {
  return process.hrtime.bigint().toString();
}

/** The highest epoch in the names of the session's files. */
function epochOf(clientId: string): number {
  const names = readdirSync(path.join(storePath, directoryName(clientId)));
  const epochs = names.map((name) => Number(/^(?:session\.)?(\d+)(?:-\d+\.mcpj|\.mcps)$/.exec(name)?.[1] ?? 0));
  return Math.max(...epochs);
}

/** The store, but a session that somebody else has is asked for again at once, or never, not after a second. */
class Impatient {
  refusals = 0;

  constructor(
    private readonly store: SessionStore,
    private readonly persistent: boolean,
  ) {}

  readonly open: SessionStore['open'] = async (...args) => {
    for (;;) {
      try {
        return await this.store.open(...args);
      } catch (error) {
        if (errorCode(error) !== 'ERR_SESSION_LOCKED' || !this.persistent) throw error;
        this.refusals++;
        // Leaves the processor to the holder; at random, so that it comes at any of its steps.
        await setTimeout(Math.random() * RETRY_MS_MAX);
      }
    }
  };
}

function clientOn(store: { open: SessionStore['open'] }, clientId: string): SessionClient {
  return new SessionClient({
    clientId,
    store,
    maxReconnectDelayMs: 500,
    connection: { url, protocolVersion: 4, clean: false, keepalive: 60 },
  });
}

async function race(store: SessionStore, clientId: string, round: number, persistent: boolean): Promise<void> {
  const opener = new Impatient(store, persistent);
  const client = clientOn(opener, clientId);
  const failed = new Promise<never>((_resolve, reject) => client.once('storeError', reject));
  try {
    await Promise.race([client.open(), failed]);
  } catch (error) {
    await client.close();
    if (errorCode(error) !== 'ERR_SESSION_LOCKED') throw error;
    tell({ told: 'gaveUp', round });
    return;
  }
  tell({ told: 'held', round, at: now(), epoch: epochOf(clientId), found: client.stored.count });
  const payload = Buffer.from(`${round} ${process.pid}`);
  await Promise.race([client.publish({ topic: 'mark', payload, qos: 1, retain: false }), failed]);
  tell({ told: 'marked', round });
  const at = now();
  await client.close();
  tell({ told: 'released', round, at, refusals: opener.refusals });
}

function open(store: SessionStore, clientId: string): Promise<SessionClient> {
  const client = clientOn(store, clientId);
  client.on('storeError', (error) => tell({ told: 'refused', code: errorCode(error) ?? '', text: error.message }));
  client.connect();
  return client.open().then(() => {
    tell({ told: 'open' });
    return client;
  });
}

async function publish(store: SessionStore, clientId: string, topic: string, first: number): Promise<void> {
  const client = await open(store, clientId);
  let number = first;
  setInterval(() => {
    const mine = number++;
    client.publish({ topic, payload: Buffer.from(String(mine)), qos: 2, retain: false }).then(
      () => tell({ told: 'stored', number: mine }),
      (error: Error) => tell({ told: 'refused', code: errorCode(error) ?? '', text: error.message }),
    );
  }, PUBLISH_INTERVAL_MS);
}

async function main(): Promise<void> {
  const store = await openSessionStore({ path: storePath });
  process.on('message', (command: Command) => {
    const { clientId } = command;
    const done =
      command.command === 'race'
        ? race(store, clientId, command.round, command.persistent)
        : publish(store, clientId, command.topic, command.first);
    done.catch((error: Error) => tell({ told: 'failed', text: error.stack ?? error.message }));
  });
  const linux = process.platform === 'linux';
  tell({ told: 'ready', pidNamespace: linux ? readlinkSync('/proc/self/ns/pid') : '', host: os.hostname() });
}

main().catch((error: Error) => tell({ told: 'failed', text: error.stack ?? error.message }));
