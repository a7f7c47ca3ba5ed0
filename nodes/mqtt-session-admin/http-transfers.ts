import type { Request, Response } from 'express';
import type { AdminContext } from '../../src/admin/context';
import { EXPORT_FORMATS, type ExportFormat, exportSession, importSession } from '../../src/admin/transfers';
import { SessionError } from '../../src/errors';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { protect } from './http-answers';
import { flagInQuery } from './http-request';

/** Of a file that is imported. */
const UPLOAD_BYTES_MAX = 256 * 1024 * 1024;

/** Sends an exported session, part by part. Where it fails in between, the connection breaks: it must not look complete. */
export async function download(
  request: Request,
  response: Response,
  context: AdminContext,
  clientId: string,
): Promise<void> {
  const format = formatInQuery(request);
  const name = `${sessionDirectoryName(clientId)}.${format === 'mcps1' ? 'mcps' : 'jsonl'}`;
  const options = { format, allowLoss: flagInQuery(request, 'allowLoss') };
  await exportSession(context, clientId, options, async (part) => {
    if (!response.headersSent) {
      protect(response);
      response.setHeader('Content-Type', format === 'mcps1' ? 'application/octet-stream' : 'application/x-ndjson');
      response.setHeader('Content-Disposition', `attachment; filename="${name}"`);
    }
    await writePart(response, part);
  });
  response.end();
}

/** Imports an uploaded file: into the session of `clientId`, or without it into the one that the file names. */
export async function upload(
  request: Request,
  context: AdminContext,
  clientId: string | undefined,
): Promise<Record<string, unknown>> {
  const options = { clientId, replace: flagInQuery(request, 'replace') };
  const imported = await importSession(context, parts(request), options);
  return { code: 0, action: 'import', ...imported };
}

async function* parts(request: Request): AsyncGenerator<Buffer> {
  if (!request.is('application/octet-stream')) {
    throw new SessionError('ERR_REQUEST', 'Send the file itself, with Content-Type: application/octet-stream.');
  }
  if (Number(request.headers['content-length'] ?? 0) > UPLOAD_BYTES_MAX) throw tooLarge();
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > UPLOAD_BYTES_MAX) throw tooLarge();
    yield part;
  }
}

async function writePart(response: Response, part: string | Buffer): Promise<void> {
  if (response.destroyed) throw new Error('Whoever downloaded has gone.');
  if (!response.write(part)) await drained(response);
}

/** Also when whoever downloads has gone. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function formatInQuery(request: Request): ExportFormat {
  const { format = 'jsonl' } = request.query;
  const known = EXPORT_FORMATS.find((one) => one === format);
  if (known !== undefined) return known;
  throw new SessionError('ERR_PROPERTY', `"format" must be ${EXPORT_FORMATS.join(' or ')}.`, {
    details: { name: 'format' },
  });
}

function tooLarge(): SessionError {
  const size = `${UPLOAD_BYTES_MAX / 1024 / 1024} MiB`;
  return new SessionError(
    'ERR_REQUEST_SIZE',
    `The file is larger than ${size}. Import it by the command line: mqtt-sessions import.`,
  );
}
