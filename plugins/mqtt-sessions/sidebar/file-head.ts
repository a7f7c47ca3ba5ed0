/** A client id may have 65,535 bytes, in JSON written as six characters each. */
export const FILE_HEAD_BYTES = 512 * 1024;
/** Of a file of MCPS: where the length of the client id is (u16, little-endian), and the client id itself. */
const LENGTH_AT = 26;
const CLIENT_ID_AT = 28;

/** The client id that a file to be imported names at its beginning; undefined: it is no such file. */
export function clientIdOf(head: Uint8Array): string | undefined {
  const decoder = new TextDecoder();
  if (decoder.decode(head.subarray(0, 4)) === 'SPCM') {
    if (head.length < CLIENT_ID_AT) return undefined;
    const length = new DataView(head.buffer, head.byteOffset).getUint16(LENGTH_AT, true);
    return decoder.decode(head.subarray(CLIENT_ID_AT, CLIENT_ID_AT + length));
  }
  const [line = ''] = decoder.decode(head).split('\n', 1);
  try {
    const first: unknown = JSON.parse(line);
    const { clientId } = (typeof first === 'object' && first !== null ? first : {}) as { clientId?: unknown };
    return typeof clientId === 'string' ? clientId : undefined;
  } catch {
    // Not JSON lines: the endpoint says what is wrong with it.
    return undefined;
  }
}
