// The launcher: prepares everything, hosts the broker, and keeps Node-RED running until Ctrl-C.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { nodeRedMajor, nodeRedPackage } from '../lib/cache.mjs';
import { ensureDependencies } from '../lib/dependencies.mjs';
import { ensureBuild } from './build.mjs';
import { serveControl } from './control.mjs';
import { Counter } from './counter.mjs';
import { DataFolder } from './data-folder.mjs';
import { NodeRed } from './node-red.mjs';
import { optionsOf, usage } from './options.mjs';
import { freePortFrom } from './ports.mjs';
import { report, withProgress } from './progress.mjs';

/** Where the flow publishes what is counted. */
const TOPIC = 'demo/burst';

/** Resolves with the first signal that asks us to end; a second one ends at once. */
function whenAskedToEnd() {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of signals) {
      // Those of lib/command.mjs end the process at once, which was right as long as only npm ran.
      process.removeAllListeners(signal);
      process.on(signal, () => {
        if (asked) {
          process.exit(130);
        }
        asked = true;
        resolve();
      });
    }
  });
}

/** Installs and builds what is missing or has changed; answers the folder of the node-red package. */
async function prepare() {
  await withProgress('installing the dependencies', () => ensureDependencies());
  await withProgress('building', ensureBuild);
  return withProgress('installing Node-RED', () => nodeRedPackage(nodeRedMajor()));
}

/** Throws when Node-RED could not load the nodes of this package. */
async function checkNodes(url) {
  const response = await fetch(`${url}/nodes`, { headers: { accept: 'application/json' } });
  const sets = (await response.json()).filter(({ module }) => module === '@mqtt-sessions/node-red');
  if (sets.length === 0) {
    throw new Error('Node-RED did not find the nodes of this package.');
  }
  for (const { id, err } of sets) {
    if (err !== undefined) {
      throw new Error(`Node-RED could not load ${id}: ${err.message ?? err}`);
    }
  }
}

function totalsText({ sent, received, missing, doubled }) {
  const text = (number) => number.toLocaleString('en-US');
  return `sent ${text(sent)}, received ${text(received)}, missing ${text(missing)}, doubled ${text(doubled)}`;
}

/** Reports the counter when it has changed and come to rest for a second. */
function reportCounter(counter) {
  let last = JSON.stringify(counter.totals());
  let reported = last;
  return setInterval(() => {
    const now = JSON.stringify(counter.totals());
    if (now === last && now !== reported) {
      reported = now;
      report(totalsText(counter.totals()));
    }
    last = now;
  }, 1_000);
}

function greeting({ url, brokerPort, data, version }) {
  const folder = path.relative(process.cwd(), data) || data;
  return `
  Persistent MQTT in Node-RED: the demo

    ${url}

  Node-RED ${version}, MQTT broker on 127.0.0.1:${brokerPort}, data in ${folder}
  Open the address in a browser and press the four buttons of the flow, from top to bottom.
  Ctrl-C ends everything; \`npm run demo -- --reset\` starts from nothing.
`;
}

/** Runs until somebody ends it. */
async function runDemo(options, data, program) {
  const asked = whenAskedToEnd();
  const { DemoBroker } = await import('./broker.mjs');
  const cleanUp = [];
  try {
    const broker = await DemoBroker.start(options.brokerPort);
    cleanUp.push(() => broker.close());
    const port = await freePortFrom(options.port);
    const url = `http://127.0.0.1:${port}`;
    const counter = new Counter(await data.takeCounter());
    cleanUp.push(() => data.writeCounter(counter));
    await broker.subscribe(TOPIC, (payload) => counter.received(payload));

    let nodeRed;
    const control = await serveControl({ broker, counter, report, kill: () => nodeRed.kill() });
    cleanUp.push(() => control.close());
    nodeRed = new NodeRed({
      program,
      userDir: data.path,
      settings: data.settings,
      log: data.log,
      report,
      environment: {
        DEMO_BROKER_PORT: String(broker.port),
        DEMO_BROKER_OFF: `${control.url}/broker/off`,
        DEMO_BROKER_ON: `${control.url}/broker/on`,
        DEMO_BURST: `${control.url}/numbers?count=1000`,
        DEMO_SENT: `${control.url}/sent`,
        DEMO_KILL: `${control.url}/kill`,
        DEMO_COUNTER: `${control.url}/counter`,
      },
    });
    cleanUp.push(() => nodeRed.stop());
    await data.prepare({ url, port, control: control.url });

    const started = withProgress('starting Node-RED', () => nodeRed.start());
    if ((await Promise.race([started, asked.then(() => 'asked')])) === 'asked') {
      started.catch(() => {}); // It ends because we end it.
      return 0;
    }
    await checkNodes(url);
    const { version } = JSON.parse(await fs.readFile(path.join(program, 'package.json'), 'utf8'));
    console.log(greeting({ url, brokerPort: broker.port, data: data.path, version }));

    const timer = reportCounter(counter);
    cleanUp.push(async () => clearInterval(timer));
    const failure = await Promise.race([asked, nodeRed.supervise()]);
    if (failure !== undefined) {
      throw failure;
    }
    console.log(`\n  Ending: ${totalsText(counter.totals())}`);
    return 0;
  } catch (error) {
    console.error(error.message);
    return 1;
  } finally {
    for (const step of cleanUp.reverse()) {
      // One that fails must not keep the others from running: a process would be left behind.
      await step().catch((error) => console.error(error.message));
    }
  }
}

/** Runs the demo with the arguments of `npm run demo --` and answers the exit code. */
export async function demo(args) {
  let options;
  let data;
  let program;
  try {
    options = optionsOf(args);
    if (options.help) {
      console.log(usage);
      return 0;
    }
    data = new DataFolder(options.data);
    await data.refuseForeign();
    await data.refuseSecond();
    if (options.reset) {
      await data.reset();
    }
    program = await prepare();
  } catch (error) {
    console.error(error.message);
    return 2;
  }
  return runDemo(options, data, program);
}
