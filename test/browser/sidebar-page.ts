// What the tests do to the sidebar tab "MQTT sessions".
import type { Locator, Page } from 'playwright-core';
import { waitFor } from '../support/wait';
import type { EditorPage } from './editor-page';

declare const RED: { actions: { invoke(action: string): void }; sidebar: { show(id: string): void } };

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

  /** The row of a session. */
  row(clientId: string): Locator {
    return this.page.locator('.mqtt-sessions-row').filter({ has: this.page.getByText(clientId, { exact: true }) });
  }

  /** Waits until the row of a session says something, as screen readers are told it. */
  async says(clientId: string, what: RegExp, timeoutMs = 10_000): Promise<void> {
    const row = this.row(clientId);
    let text = '';
    const isSaid = async () => {
      text = (await row.count()) === 1 ? ((await row.locator('button').getAttribute('aria-label')) ?? '') : '';
      return what.test(text);
    };
    await waitFor(isSaid, { what: `"${clientId}" to say ${what}`, timeoutMs, intervalMs: 50, detail: () => text });
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
