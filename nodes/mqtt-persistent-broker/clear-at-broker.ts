import { openConnection } from '../../src/connection/connection';
import type { ConnectionOptions } from '../../src/connection/types';
import { SessionError } from '../../src/errors';

/**
 * Ends the session that the broker keeps for a client id: a connection with Clean Start (3.1.2.4 of 5.0) discards it, and
 * without a Session Expiry Interval no new one outlives the connection.
 * @throws why the broker could not be reached, or refused.
 */
export function clearAtBroker(options: ConnectionOptions): Promise<void> {
  const { will: _will, properties: _properties, ...connection } = options;
  return new Promise((resolve, reject) => {
    let wasUp = false;
    const attempt = openConnection(
      { ...connection, clean: true },
      {
        up: () => {
          wasUp = true;
          attempt.end();
        },
        packets: () => undefined,
        congested: () => undefined,
        down: ({ error, kind }) => {
          if (wasUp) resolve();
          else reject(error ?? new SessionError('ERR_DISCONNECTED', `The broker ended the connection (${kind}).`));
        },
      },
    );
  });
}
