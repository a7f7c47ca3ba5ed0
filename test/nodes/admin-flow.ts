// Flows with an admin node that is told by messages what to do.
import { catchNode, type Flow, type FlowNode, helperNode, outNode, session, tab } from './flow';

export type Answer = {
  code: number;
  action: string;
  clientId?: string;
  error?: { code: string; message: string };
} & Record<string, unknown>;

/** A session with an out node `out` and an admin node `admin`; answers arrive at `answers`, errors at `errors`. */
export function adminFlow(
  broker: { port: number; directory: string } & Record<string, unknown>,
  more: FlowNode[] = [],
): FlowNode[] {
  return [
    tab,
    ...session(broker),
    outNode('out', { qos: '1' }),
    {
      id: 'admin',
      type: 'mqtt-session-admin',
      z: 'tab',
      x: 0,
      y: 0,
      broker: 'broker',
      action: '',
      clientId: '',
      wires: [['answers']],
    },
    catchNode('catch', 'errors', ['admin', 'out']),
    helperNode('answers'),
    helperNode('errors'),
    ...more,
  ];
}

/** Sends a message to the admin node and waits for its answer. */
export async function ask(flow: Flow, msg: Record<string, unknown>): Promise<Answer> {
  const count = flow.received('answers').length;
  flow.input('admin', msg);
  return (await flow.messages('answers', count + 1)).at(-1)?.payload as Answer;
}
