import type { Node, NodeMessage } from 'node-red';
import { errorCode } from '../../src/errors';
import { localizedError } from './error-texts';
import { RepeatLimit } from './repeat-limit';
import type { Translate } from './texts';

/** The part of a node's flow that gives an error to the Catch nodes; true: one took it. */
interface ErrorHandler {
  handleError?(node: Node, error: unknown, msg: NodeMessage): boolean;
}

/**
 * Makes a node log the same error once a minute only, with its count, and tell errors in the language of the runtime. A
 * Catch node gets every one. Otherwise a full disk would write a line to the log for each message.
 */
export function quietErrors(node: Node, translate: Translate): void {
  const loud = node.error;
  const limit = new RepeatLimit((text, count) => node.warn(translate('repeated', { text, count })));
  node.error = (raised: unknown, msg?: NodeMessage) => {
    const error = localizedError(raised, translate);
    const key = errorCode(error) ?? String(error);
    if (msg === undefined || limit.admit(key)) {
      loud.call(node, error, msg);
      return;
    }
    const caught = (node._flow as ErrorHandler | undefined)?.handleError?.(node, error, msg) === true;
    if (!caught) limit.count(key, error instanceof Error ? error.message : String(error));
  };
  node.on('close', () => limit.close());
}
