const TOPIC_BYTES_MAX = 65_535;

/** Why nothing can be published to a topic name (4.7 of both specifications); undefined: it can. */
export function topicNameProblem(topic: unknown): string | undefined {
  return (
    badText(topic) ??
    ((topic as string).includes('+') || (topic as string).includes('#') ? 'it contains the wildcard + or #' : undefined)
  );
}

/** Why a filter cannot be subscribed to (4.7.1 of both specifications, 4.8.2 of 5.0); undefined: it can. */
export function topicFilterProblem(filter: unknown): string | undefined {
  return badText(filter) ?? badWildcards(filter as string);
}

export function isSharedFilter(filter: string): boolean {
  return filter.startsWith('$share/');
}

/** Whether a topic name matches a filter. A wildcard at the start does not match topics beginning with `$` (4.7.2-1). */
export function matchesFilter(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const levels = (isSharedFilter(filter) ? filter.split('/').slice(2) : filter.split('/')) as string[];
  const names = topic.split('/');
  if (topic.startsWith('$') && (levels[0] === '+' || levels[0] === '#')) return false;
  for (let index = 0; index < levels.length; index++) {
    const level = levels[index];
    if (level === '#') return true;
    if (index >= names.length || (level !== '+' && level !== names[index])) return false;
  }
  return levels.length === names.length;
}

function badText(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'it is not a string';
  if (text.length === 0) return 'it is empty';
  if (Buffer.byteLength(text) > TOPIC_BYTES_MAX) return `it is longer than ${TOPIC_BYTES_MAX} bytes`;
  return badCharacters(text);
}

/**
 * Control characters and non-characters, which 1.5.4 of MQTT 5.0 lets a receiver close the connection for; and halves of
 * surrogate pairs (MQTT-1.5.4-1 (5.0)). Every message passes here: one look at each character, nothing allocated.
 */
function badCharacters(text: string): string | undefined {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x20 && code < 0x7f) continue;
    if (code <= 0x9f || (code >= 0xfdd0 && code <= 0xfdef) || code >= 0xfffe) return 'it contains a control character';
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(++index);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return 'it is not well-formed Unicode';
  }
  return undefined;
}

function badWildcards(filter: string): string | undefined {
  const levels = filter.split('/');
  if (isSharedFilter(filter)) {
    const [, name, ...rest] = levels;
    if (name === undefined || name === '' || /[+#]/.test(name)) return 'its share name is empty or has a wildcard';
    if (rest.length === 0 || rest.join('/') === '') return 'nothing follows its share name';
    return badLevels(rest);
  }
  return badLevels(levels);
}

function badLevels(levels: string[]): string | undefined {
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) return '# may only be its last level';
    if (level.includes('+') && level !== '+') return '+ must stand for a whole level';
  }
  return undefined;
}
