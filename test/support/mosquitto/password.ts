import { pbkdf2Sync, randomBytes } from 'node:crypto';

const ITERATIONS = 101;

/** A line of Mosquitto's password file (type 7: PBKDF2 with SHA-512). */
export function passwordLine({ username, password }: { username: string; password: string }): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512');
  return `${username}:$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}
