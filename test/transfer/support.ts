import type { SessionClientOptions } from '../../src/client/options';
import { SessionClient } from '../../src/client/session-client';
import type { SessionCopy } from '../../src/client/session-copy';
import type { Message } from '../../src/session/message';
import type { SessionStore } from '../../src/store/session-store';
import { exportJsonl } from '../../src/transfer/jsonl-export';
import { type JsonlEntry, type JsonlMessage, parseJsonlLine } from '../../src/transfer/jsonl-format';

/** Never connects. */
export function offlineClient(
  clientId: string,
  store: SessionStore,
  options: Partial<Omit<SessionClientOptions, 'clientId' | 'store'>> = {},
): SessionClient {
  return new SessionClient({
    clientId,
    store,
    connection: { url: 'mqtt://127.0.0.1:1', protocolVersion: 5, clean: false, keepalive: 60 },
    ...options,
  });
}

/** Opens a session for `work`, and closes it. */
export async function withClient<T>(
  clientId: string,
  store: SessionStore,
  work: (client: SessionClient) => Promise<T>,
  options?: Partial<Omit<SessionClientOptions, 'clientId' | 'store'>>,
): Promise<T> {
  const client = offlineClient(clientId, store, options);
  try {
    await client.open();
    return await work(client);
  } finally {
    await client.close();
  }
}

export function message(payload: string, changed: Partial<Message> = {}): Message {
  return { topic: 'plant/1', payload: Buffer.from(payload), qos: 1, retain: false, ...changed };
}

export async function publishAll(client: SessionClient, payloads: readonly string[]): Promise<void> {
  await Promise.all(payloads.map((payload) => client.publish(message(payload))));
}

/** All that an export of the session says. */
export async function entriesOf(copy: SessionCopy): Promise<JsonlEntry[]> {
  const entries: JsonlEntry[] = [];
  for await (const line of exportJsonl(copy, 1)) entries.push(parseJsonlLine(line.trimEnd(), entries.length + 1));
  return entries;
}

export function messagesIn(entries: readonly JsonlEntry[]): JsonlMessage[] {
  return entries.filter((entry): entry is JsonlMessage => entry.type === 'message');
}

/** The payloads of all stored messages, in order. */
export async function payloadsOf(client: SessionClient): Promise<string[]> {
  return messagesIn(await entriesOf(client.copy())).map((entry) => entry.message.payload.toString());
}

export async function deadLettersOf(client: SessionClient): Promise<string[]> {
  return (await client.deadLetters(0, 1000)).map((letter) => letter.message.payload.toString());
}
