import { EndpointError } from './api';
import { errorText } from './error-text';
import type { Text } from './types';

/** What the endpoint said, or that there was no answer. */
export function failureText(error: unknown, text: Text): string {
  if (!(error instanceof EndpointError)) return String(error);
  if (error.message !== '') return errorText(error, text);
  return error.status === 0 ? text('no-answer') : text('refused', { status: error.status });
}
