import { SessionError, shownValue } from '../errors';
import { topicFilterProblem, topicNameProblem } from '../session/topics';

/**
 * Checks a topic name (4.7 of both specifications), so that a message no broker would take never enters the queue.
 * @throws SessionError `ERR_TOPIC` with the reason.
 */
export function assertTopicName(topic: unknown): asserts topic is string {
  if (topic === undefined || topic === null || topic === '') {
    throw new SessionError('ERR_TOPIC', 'There is no topic to publish to: set it in the node or in the message.');
  }
  const reason = topicNameProblem(topic);
  if (reason !== undefined)
    throw new SessionError('ERR_TOPIC', `The topic ${shown(topic)} cannot be published to: ${reason}.`);
}

/**
 * Checks a topic filter: `+` and `#` stand for whole levels, `#` only at the end (4.7.1), `$share/name/filter` (4.8.2 of 5.0).
 * @throws SessionError `ERR_FILTER` with the reason.
 */
export function assertTopicFilter(filter: unknown): asserts filter is string {
  const reason = topicFilterProblem(filter);
  if (reason !== undefined)
    throw new SessionError('ERR_FILTER', `The topic filter ${shown(filter)} cannot be subscribed to: ${reason}.`);
}

function shown(text: unknown): string {
  const json = typeof text === 'string' ? JSON.stringify(text) : shownValue(text);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
