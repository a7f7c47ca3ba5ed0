import { errorSentence } from '../../../nodes/shared/error-sentence';
import type { DescribedError } from '../../../src/errors';
import type { Text } from './types';

/** An error of the runtime in the language of the editor. The endpoints answer in English, as logs do. */
export function errorText({ code, message, facts = {} }: DescribedError, text: Text): string {
  return errorSentence(code, message, facts, (key, values) => text(`runtime.${key}`, values));
}
