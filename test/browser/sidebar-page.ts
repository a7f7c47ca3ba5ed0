// What the tests do to the sidebar tab "MQTT sessions".
import type { Locator, Page } from 'playwright-core';
import { waitFor } from '../support/wait';
import type { EditorPage } from './editor-page';

declare const RED: { actions: { invoke(action: string): void }; sidebar: { show(id: string): void } };

/**
 * Where the separator beside the sidebar is, the width of the sidebar, and in which direction it grows. Node-RED 5 has a
 * separator for each of its two sidebars.
 */
const SEPARATOR = `(() => {
  const sidebar = document.querySelector('.mqtt-sessions-sidebar').closest('#red-ui-sidebar, .red-ui-sidebar');
  const separator = document.getElementById(sidebar.id + '-separator');
  const { left, top, width, height } = separator.getBoundingClientRect();
  const shown = sidebar.getBoundingClientRect();
  return { now: $(sidebar).width(), x: left + width / 2, y: top + height / 3, sign: left < shown.left + shown.width / 2 ? -1 : 1 };
})()`;

interface AccessibleElement {
  ownerDocument: { getElementById(id: string): { textContent: string } | null };
  getAttribute(name: string): string | null;
}

export class Sidebar {
  /** Addresses of requests for the list or for one session in it. */
  readonly requests: string[] = [];
  /** Actions whose buttons were pressed. */
  readonly pressed = new Set<string>();
  readonly page: Page;

  constructor({ page }: EditorPage) {
    this.page = page;
    this.page.on('request', (request) => {
      if (request.url().includes('/mqtt-sessions/sessions')) this.requests.push(request.url());
    });
  }

  async show(): Promise<void> {
    await this.page.evaluate(() => RED.actions.invoke('mqtt-sessions:show'));
    await this.page.locator('.mqtt-sessions-sidebar').waitFor();
  }

  async showOther(): Promise<void> {
    await this.page.evaluate(() => RED.sidebar.show('info'));
    await this.page.locator('.mqtt-sessions-sidebar').waitFor({ state: 'hidden' });
  }

  /** Drags the separator of the editor until the sidebar has a width, in pixels. */
  async resize(width: number): Promise<void> {
    let shown = 0;
    const dragged = async () => {
      const { now, x, y, sign } = (await this.page.evaluate(SEPARATOR)) as Record<'now' | 'x' | 'y' | 'sign', number>;
      shown = now;
      if (Math.abs(now - width) <= 2) return true;
      await this.page.mouse.move(x, y);
      await this.page.mouse.down();
      await this.page.mouse.move(x + sign * (width - now), y, { steps: 8 });
      await this.page.mouse.up();
      return false;
    };
    await waitFor(dragged, { what: `a sidebar of ${width} pixels`, intervalMs: 50, detail: () => `it has ${shown}` });
  }

  /** Parts whose content is wider than they are. */
  overflowing(): Promise<string[]> {
    return this.page.evaluate(
      `[...document.querySelectorAll('.mqtt-sessions-view, .mqtt-sessions-view :is(.mqtt-sessions-bar, dl, dd, li, p, pre, summary)')]
        .filter((part) => part.scrollWidth > part.clientWidth + 1)
        .map((part) => part.outerHTML.slice(0, 200))`,
    );
  }

  /** Texts that are cut off in the rows, and that no title shows in full. */
  cutOff(): Promise<string[]> {
    return this.page.evaluate(
      `[...document.querySelectorAll('.mqtt-sessions-row span')]
        .filter((part) => part.scrollWidth > part.clientWidth && part.childElementCount === 0 && part.title !== part.textContent)
        .map((part) => part.outerHTML)`,
    );
  }

  /** The row of a session. */
  row(clientId: string): Locator {
    return this.page.locator('.mqtt-sessions-row').filter({ has: this.page.getByText(clientId, { exact: true }) });
  }

  /** Waits until the row of a session says something, as screen readers are told it. */
  async says(clientId: string, what: RegExp, timeoutMs = 10_000): Promise<void> {
    const row = this.row(clientId);
    let text = '';
    const isSaid = async () => {
      text = (await row.count()) === 1 ? await this.#read(row.locator('button')) : '';
      return what.test(text);
    };
    await waitFor(isSaid, { what: `"${clientId}" to say ${what}`, timeoutMs, intervalMs: 50, detail: () => text });
  }

  /** Name and description of an element. */
  #read(of: Locator): Promise<string> {
    return of.evaluate((shown) => {
      const element = shown as unknown as AccessibleElement;
      const described = (element.getAttribute('aria-describedby') ?? '').split(' ');
      const texts = described.map((id) => element.ownerDocument.getElementById(id)?.textContent);
      return [element.getAttribute('aria-label'), ...texts].join(', ');
    });
  }

  /** An action whose button is there, but has nothing to do, and why. */
  async obstacle(action: string): Promise<string | null> {
    const button = this.page.locator(`.mqtt-sessions-details [data-action="${action}"][aria-disabled="true"]`);
    await button.waitFor();
    return button.getAttribute('title');
  }

  async open(clientId: string): Promise<void> {
    await this.row(clientId).locator('button').click();
    await this.page.locator('.mqtt-sessions-details').waitFor();
  }

  async back(): Promise<void> {
    await this.page.getByRole('button', { name: 'Back to all sessions' }).click();
    await this.page.locator('.mqtt-sessions-details').waitFor({ state: 'hidden' });
  }

  /** Waits until the details, as they are shown, say something. */
  async detailsSay(what: RegExp): Promise<void> {
    let text = '';
    const isSaid = async () => {
      text = await this.page.locator('.mqtt-sessions-details').innerText();
      return what.test(text);
    };
    await waitFor(isSaid, { what: `the details to say ${what}`, intervalMs: 50, detail: () => text });
  }

  /** Presses the button of an action. */
  async press(action: string): Promise<void> {
    this.pressed.add(action);
    await this.page.locator(`.mqtt-sessions-details [data-action="${action}"]`).click();
  }

  /** The text of the question that is asked. */
  async question(): Promise<string> {
    const dialog = this.page.locator('.mqtt-sessions-dialog');
    await dialog.waitFor();
    return dialog.innerText();
  }

  async agree(): Promise<void> {
    await this.page.locator('.mqtt-sessions-confirm').click();
    await this.page.locator('.mqtt-sessions-dialog').waitFor({ state: 'detached' });
  }

  async refuse(): Promise<void> {
    await this.page.locator('.mqtt-sessions-cancel').click();
    await this.page.locator('.mqtt-sessions-dialog').waitFor({ state: 'detached' });
  }

  /** Waits for what is said about something done. */
  async notified(what: RegExp): Promise<void> {
    await this.page.locator('.red-ui-notification').filter({ hasText: what }).first().waitFor();
  }

  section(key: string): Locator {
    return this.page.locator(`.mqtt-sessions-details details[data-section="${key}"]`);
  }

  async openSection(key: string): Promise<void> {
    await this.section(key).locator('summary').click();
  }

  /** The actions whose buttons are there. */
  actions(): Promise<string[]> {
    return this.page
      .locator('.mqtt-sessions-details [data-action]:visible')
      .evaluateAll((buttons) => buttons.map((button) => String(button.getAttribute('data-action'))));
  }
}
