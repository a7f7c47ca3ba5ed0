import { errorCode, errorFacts } from '../../src/errors';
import { errorSentence } from './error-sentence';
import type { Translate } from './texts';

/**
 * An error with its text in the language of the runtime. The error itself stays as it is, because others have it, too.
 * In English, and with a code that the catalogue does not know, it is what comes back.
 */
export function localizedError(error: unknown, translate: Translate): unknown {
  const code = errorCode(error);
  if (!(error instanceof Error) || code === undefined) return error;
  const message = errorSentence(code, error.message, errorFacts(error), translate);
  if (message === error.message) return error;
  const localized: Error = Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error));
  return Object.defineProperty(localized, 'message', { value: message });
}
