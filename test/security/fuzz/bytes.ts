// Changes of bytes that parsers tend to trip over.
import type { Random } from './random';

const NUMBERS = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000];
const MUTATIONS_MAX = 4;
const SIZE_MAX = 16 * 1024;

/**
 * Up to four changes of a valid input: bits, bytes, numbers of all widths in both orders (length fields among them),
 * pieces cut out, doubled, moved, filled, or taken from another input. None: valid inputs must stay valid.
 */
export function mutateBytes(random: Random, input: Buffer, others: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = random.below(MUTATIONS_MAX + 1); count > 0; count--) bytes = mutateOnce(random, bytes, others);
  return bytes.length > SIZE_MAX ? bytes.subarray(0, SIZE_MAX) : bytes;
}

function mutateOnce(random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  if (bytes.length === 0) return noise(random, 1 + random.below(40));
  const at = random.below(bytes.length);
  switch (random.below(11)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.chance(0.5) ? random.below(256) : random.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]);
      return bytes;
    case 2:
    case 3:
      writeNumber(random, bytes, at);
      return bytes;
    case 4:
      return bytes.subarray(0, at);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16))]);
    case 6:
      return Buffer.concat([bytes.subarray(0, at), noise(random, 1 + random.below(16)), bytes.subarray(at)]);
    case 7: {
      const end = at + 1 + random.below(64);
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)]);
    }
    case 8:
      return bytes.fill(random.pick([0, 0xff, 0x20]), at, Math.min(bytes.length, at + 1 + random.below(32)));
    case 9: {
      const other = random.pick(others);
      const from = random.below(other.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + 1 + random.below(128))]);
    }
    default:
      return Buffer.concat([bytes, noise(random, 1 + random.below(64))]);
  }
}

function writeNumber(random: Random, bytes: Buffer, at: number): void {
  const width = random.pick([1, 2, 4, 6]);
  if (at + width > bytes.length) return;
  const limit = 2 ** (8 * width);
  const near = random.chance(0.3) ? bytes.length + random.below(9) - 4 : random.pick(NUMBERS);
  const value = random.chance(0.2) ? limit - 1 - random.below(3) : Math.max(0, near) % limit;
  if (random.chance(0.5)) bytes.writeUIntLE(value, at, width);
  else bytes.writeUIntBE(value, at, width);
}

export function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = random.below(256);
  return bytes;
}
