// Calls the admin endpoints of a Node-RED that runs as a process of its own.
import * as http from 'node:http';

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface HttpRequest {
  method?: string;
  /** As it goes onto the wire: nothing is normalised. */
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

/** With `http` itself: `fetch` takes `..` out of a path. */
export function call(url: string, { method = 'GET', path, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          text,
          json: <T>() => JSON.parse(text) as T,
        });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function post(
  url: string,
  path: string,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const text = JSON.stringify(body);
  return call(url, { method: 'POST', path, headers: { 'content-type': 'application/json', ...headers }, body: text });
}
