// The Node-RED editor in a real browser, with what the dialog tests do to it.
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { waitFor } from '../support/wait';

/** What the tests use of the editor's global object. */
interface EditorApi {
  nodes: {
    node(id: string): EditorNode | null;
    getType(type: string): NodeDefinition;
    getNodeHelp(type: string): string | undefined;
    eachNode(visit: (node: EditorNode) => void): void;
    eachConfig(visit: (node: EditorNode) => void): void;
    createCompleteNodeSet(): Record<string, unknown>[];
  };
  editor: {
    edit(node: EditorNode): void;
    editConfig(property: string, type: string, id: string): void;
  };
}

interface EditorNode {
  id: string;
  type: string;
  valid?: boolean;
  validationErrors?: string[];
}

interface NodeDefinition {
  defaults: Record<
    string,
    { type?: string; label?: string; validate?: (this: object, value: unknown, options: object) => boolean | string }
  >;
}

declare const RED: EditorApi;

export interface EditorPage {
  page: Page;
  /** Of Node-RED, without a slash at the end. */
  url: string;
  /** Errors of the page since the last call: exceptions, and what was written to the console as an error. */
  takeErrors(): string[];
  /** Drags a node from the palette to the workspace and answers with its id. */
  add(type: string): Promise<string>;
  /** Types into a field and leaves it, so that the editor checks it. */
  enter(selector: string, text: string): Promise<void>;
  /** Opens the dialog of a node on the workspace. */
  open(id: string): Promise<Locator>;
  /** Opens the dialog of a config node. */
  openConfig(type: string, id: string): Promise<Locator>;
  /** Presses Done, and waits until the dialog is gone. */
  done(): Promise<void>;
  /** Presses Add or Update in the dialog of a config node, and waits until it is gone. */
  doneConfig(): Promise<void>;
  /** Selects a tab of the dialog and waits until its content is seen. */
  selectTab(tab: string, content: string): Promise<void>;
  /** Leaves all open dialogs without saving. */
  cancelAll(): Promise<void>;
  /** The node as it would be deployed. */
  exported(id: string): Promise<Record<string, unknown>>;
  /** What the editor says is wrong with a node. */
  problems(id: string): Promise<string[]>;
  /** Ids of all nodes of a type, config nodes included. */
  idsOf(type: string): Promise<string[]>;
  /** The answer of a field's validator for a node that has only the fields given; `label` is what the editor passes. */
  validate(type: string, field: string, value: unknown, node?: object, label?: string): Promise<boolean | string>;
  /** All fields of a type; `isReference`: to a config node. */
  fields(type: string): Promise<{ name: string; label: string; isReference: boolean }[]>;
  /** Fields with a validator, and how many parameters it declares: with two, its text is shown. */
  validators(type: string): Promise<Record<string, number>>;
  help(type: string): Promise<string>;
  close(): Promise<void>;
}

/** Opens the editor at `url`, in the language of `locale`; Chromium is the one that CHROMIUM names, else the one that Debian installs. */
export async function openEditor(url: string, locale = 'en-US'): Promise<EditorPage> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    return await loadEditor(browser, url, locale);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function loadEditor(browser: Browser, url: string, locale: string): Promise<EditorPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, locale });
  page.setDefaultTimeout(8_000);
  let errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(message.text());
    }
  });
  // The editor looks for a catalogue of other packages: answered here, so that the test needs no network.
  await page.route(
    (address) => address.origin !== url,
    (route) => route.fulfill({ json: { name: 'none', updated_at: '', modules: [] } }),
  );
  await withoutTips(page, url);
  await page.goto(url);
  await page.waitForFunction(`typeof RED === 'object' && RED.nodes && RED.nodes.getType('mqtt-session-store')`);
  await page.waitForFunction(`RED.workspaces && RED.workspaces.active()`);
  await page.locator('#red-ui-loading-progress').waitFor({ state: 'hidden' });

  const idsOf = (type: string) =>
    page.evaluate((wanted) => {
      const all: EditorNode[] = [];
      RED.nodes.eachNode((node) => void all.push(node));
      RED.nodes.eachConfig((node) => void all.push(node));
      return all.filter((node) => node.type === wanted).map((node) => node.id);
    }, type);
  let added = 0;

  /** The form of a dialog that has slid in: only then the editor puts the focus into it, away from where it was. */
  async function opened(form: Locator): Promise<Locator> {
    await form.waitFor();
    await page.waitForFunction(`$('.red-ui-tray').last().find(document.activeElement).length > 0`);
    return form;
  }

  /** One dialog can lie above another of the same kind: so it is this very form that must go. */
  async function closeBy(button: Locator, form: Locator): Promise<void> {
    const closing = await form.elementHandle();
    await button.click();
    await page.waitForFunction((element) => !(element as unknown as { isConnected: boolean }).isConnected, closing);
  }

  return {
    page,
    url,
    takeErrors() {
      const taken = errors;
      errors = [];
      return taken;
    },
    idsOf,
    async add(type) {
      const before = await idsOf(type);
      added += 1;
      const entry = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
      await entry.hover();
      await page.mouse.down();
      const workspace = await page.locator('#red-ui-workspace-chart').boundingBox();
      await page.mouse.move((workspace?.x ?? 0) + 200, (workspace?.y ?? 0) + 60 * added, { steps: 10 });
      await page.mouse.up();
      const created = async () => (await idsOf(type)).find((id) => !before.includes(id));
      return waitFor(created, { what: `a new ${type} after dragging it from the palette to the workspace` });
    },
    async enter(selector, text) {
      await page.fill(selector, text);
      await page.locator(selector).blur();
    },
    async open(id) {
      await page.evaluate((wanted) => {
        const node = RED.nodes.node(wanted);
        if (node) {
          RED.editor.edit(node);
        }
      }, id);
      return opened(page.locator('form#dialog-form'));
    },
    async openConfig(type, id) {
      await page.evaluate((config) => RED.editor.editConfig('', config.type, config.id), { type, id });
      return opened(page.locator('form#node-config-dialog-edit-form'));
    },
    done: () => closeBy(page.locator('#node-dialog-ok'), page.locator('form#dialog-form')),
    doneConfig: () =>
      closeBy(page.locator('#node-config-dialog-ok').last(), page.locator('form#node-config-dialog-edit-form').last()),
    async selectTab(tab, content) {
      // Two clicks in a short time are a double click for the editor, also on two tabs.
      const selected = async () => {
        await page.click(`[href="#${tab}"]`);
        return page.locator(content).isVisible();
      };
      await waitFor(selected, { what: `the tab ${tab} to show ${content}`, intervalMs: 100 });
    },
    async cancelAll() {
      const cancel = `$('#node-config-dialog-cancel:visible, #node-dialog-cancel:visible').last().trigger('click')`;
      const allClosed = async () => {
        await page.evaluate(cancel);
        return (await page.locator('.red-ui-tray').count()) === 0;
      };
      await waitFor(allClosed, { what: 'all dialogs to close', intervalMs: 100 });
    },
    async exported(id) {
      const nodes = await page.evaluate(() => RED.nodes.createCompleteNodeSet());
      const node = nodes.find((candidate) => candidate.id === id);
      if (!node) {
        throw new Error(`there is no node ${id} in the editor`);
      }
      return node;
    },
    problems: (id) => page.evaluate((wanted) => RED.nodes.node(wanted)?.validationErrors ?? [], id),
    validate: (type, field, value, node = {}, label = '') =>
      page.evaluate(
        (input) => {
          const validate = RED.nodes.getType(input.type).defaults[input.field]?.validate;
          const options = input.label === '' ? {} : { label: input.label };
          return validate ? validate.call(input.node, input.value, options) : 'this field has no validator';
        },
        { type, field, value, node, label },
      ),
    fields: (type) =>
      page.evaluate(
        (wanted) =>
          Object.entries(RED.nodes.getType(wanted).defaults).map(([name, { type, label }]) => ({
            name,
            label: label ?? '',
            isReference: type !== undefined,
          })),
        type,
      ),
    validators: (type) =>
      page.evaluate((wanted) => {
        const entries = Object.entries(RED.nodes.getType(wanted).defaults);
        return Object.fromEntries(
          entries.flatMap(([field, { validate }]) => (validate ? [[field, validate.length]] : [])),
        );
      }, type),
    help: async (type) => (await page.evaluate((wanted) => RED.nodes.getNodeHelp(wanted), type)) ?? '',
    close: () => browser.close(),
  };
}

/**
 * Switches the tips off that the editor shows beside its information. Node-RED 5 starts their timer before the tab that
 * shows them exists, and throws (`tipBox` is undefined in `setTip`) when loading takes longer than the timer.
 */
async function withoutTips(page: Page, url: string): Promise<void> {
  await page.route(
    (address) => address.href.startsWith(`${url}/settings/user`),
    async (route) => {
      if (route.request().method() !== 'GET') return route.continue();
      const response = await route.fetch();
      const settings = (await response.json()) as { editor?: { view?: object } };
      const view = { ...settings.editor?.view, 'view-show-tips': false };
      return route.fulfill({ response, json: { ...settings, editor: { ...settings.editor, view } } });
    },
  );
}
