import type { AcknowledgementOutcome, AcknowledgementReference } from '../client/acknowledgement-reference';
import { sessionOfEpoch } from '../client/manual-acknowledgements';
import { SessionError } from '../errors';

/** Of a text in an error. */
const SHOWN_CHARACTERS_MAX = 100;

/**
 * Acknowledges an inbound message by the `mqttAck` that came with it: plain data `{ session, epoch, token }` that may have
 * been cloned or through JSON. It names its session among all that are open in this process, of whatever store.
 * @returns the client id of the session.
 * @throws SessionError `ERR_ACKNOWLEDGEMENT`: this is no `mqttAck`; `ERR_ACKNOWLEDGED`: acknowledged before;
 * `ERR_ACKNOWLEDGEMENT_LATE`: the message comes again, or need not be acknowledged any more. Nothing was changed then.
 */
export function acknowledge(mqttAck: unknown): string {
  const reference = acknowledgementReference(mqttAck);
  const { session, epoch, token } = reference;
  const open = sessionOfEpoch(epoch);
  if (open !== undefined && open.session !== session) throw invalid('its session is not the one that gave it out');
  const outcome = open?.acknowledge(token) ?? 'other-epoch';
  if (outcome !== 'counted') throw refused(outcome, reference);
  return session;
}

/** Takes nothing over from what the flow gives but three own values of the right kind. */
function acknowledgementReference(value: unknown): AcknowledgementReference {
  if (typeof value !== 'object' || value === null) throw invalid(`it is ${value === null ? 'null' : typeof value}`);
  const session = ownValue(value, 'session');
  const epoch = ownValue(value, 'epoch');
  const token = ownValue(value, 'token');
  if (typeof session !== 'string') throw invalid('session is not a text');
  if (typeof epoch !== 'string' || epoch === '') throw invalid('epoch is not a text');
  if (typeof token !== 'number' || !Number.isSafeInteger(token) || token < 1) throw invalid('token is not a number');
  return { session, epoch, token };
}

/** Neither inherited nor computed: code of the flow does not run here. */
function ownValue(target: object, name: string): unknown {
  try {
    return Object.getOwnPropertyDescriptor(target, name)?.value;
  } catch (cause) {
    throw invalid(`${name} cannot be read`, cause);
  }
}

function invalid(why: string, cause?: unknown): SessionError {
  return new SessionError(
    'ERR_ACKNOWLEDGEMENT',
    `This does not acknowledge a message: ${why}. Pass on msg.mqttAck as the in node has sent it.`,
    { cause },
  );
}

function refused(outcome: Exclude<AcknowledgementOutcome, 'counted'>, reference: AcknowledgementReference) {
  const session = JSON.stringify(reference.session.slice(0, SHOWN_CHARACTERS_MAX));
  const details = { clientId: reference.session, token: reference.token, outcome };
  switch (outcome) {
    case 'unknown':
      return new SessionError(
        'ERR_ACKNOWLEDGEMENT',
        `The session ${session} has not given out the token ${reference.token}. Pass on msg.mqttAck as the in node has sent it.`,
        { details },
      );
    case 'repeated':
      return new SessionError(
        'ERR_ACKNOWLEDGED',
        `This message of the session ${session} was acknowledged before. Acknowledge each message once.`,
        { details },
      );
    case 'subscriber-gone':
      return late(
        `The node that received this message of the session ${session} was deployed again or disabled since. The message is ` +
          'sent into the flow again when the node runs; acknowledge that one.',
        details,
      );
    case 'withdrawn':
      return late(
        `The broker does not wait for the acknowledgement of this message of the session ${session} any more: it has lost ` +
          'its session, or given the message up. There is nothing to be done.',
        details,
      );
    case 'other-epoch':
      return late(
        `No open session has given out this acknowledgement: ${session} was closed since, by a restart or a deploy. The ` +
          'broker sends the message again when the session is connected; acknowledge that one.',
        details,
      );
  }
}

function late(text: string, details: Record<string, unknown>): SessionError {
  return new SessionError('ERR_ACKNOWLEDGEMENT_LATE', text, { details });
}
