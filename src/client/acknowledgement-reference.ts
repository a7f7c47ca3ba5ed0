/** Names one hand-over of a message that is to be acknowledged. Plain data: it survives cloning and JSON. */
export interface AcknowledgementReference {
  /** Client id. */
  session: string;
  /** Of the opening of the session in which it was given out; random, so that none of another opening or store is taken for it. */
  epoch: string;
  /** Counts from 1 in each epoch. */
  token: number;
}

/**
 * What an acknowledgement became. `counted`: it was awaited. Else nothing happened, because
 * `repeated`: the same hand-over was acknowledged before;
 * `subscriber-gone`: its subscriber has gone since; the message is handed over again, with another token;
 * `withdrawn`: the broker does not wait for it any more;
 * `other-epoch`: the session was closed since; the broker sends the message again;
 * `unknown`: no such token was given out.
 */
export type AcknowledgementOutcome =
  | 'counted'
  | 'repeated'
  | 'subscriber-gone'
  | 'withdrawn'
  | 'other-epoch'
  | 'unknown';
