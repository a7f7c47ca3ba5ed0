// The sidebar tab "MQTT sessions".
import { api } from './api';
import { DetailsView } from './details-view';
import { element } from './elements';
import { failureText } from './failure-text';
import { formatsFor } from './format';
import { ListView } from './list-view';
import { type ActionContext, cleanUpStore, importInto, perform } from './perform';
import { Poller } from './poller';
import type { Text } from './types';

/** Sidebars are remembered by this. */
const TAB_ID = 'mqtt-sessions';
const ACTION = 'mqtt-sessions:show';

/** The catalogue of the nodes, which has the texts that the runtime shows, too. */
const NODE_SET = '@mqtt-sessions/node-red/mqtt-persistent:shared.';

/** Adds the tab and the action that shows it. `catalogue` gives texts of the plugin's catalogue. */
export function addSidebar(catalogue: Text): void {
  const text: Text = (key, values) =>
    key.startsWith('runtime.') ? RED._(NODE_SET + key, values) : catalogue(`sidebar.${key}`, values);
  const context: ActionContext = { text, formats: formatsFor(RED.i18n.lang()) };
  let mayWrite: boolean | undefined;
  const content = element('div', { class: 'mqtt-sessions-sidebar' });
  let isSeen = false;
  const isShown = () => isSeen && document.visibilityState === 'visible';
  const poller = new Poller(update, isShown);

  const list = new ListView({
    ...context,
    onQuery: () => poller.wake(),
    onOpen(session, now) {
      list.element.hidden = true;
      details.open(session, now, mayWrite === true);
      poller.wake();
    },
    onImport: (page) => void importInto(page, context).finally(() => poller.wake()),
    onCleanUp: (page) => void cleanUpStore(page, context).finally(() => poller.wake()),
  });
  const details = new DetailsView({
    ...context,
    onBack: back,
    async onAction(action, session) {
      await perform(action, session, context);
      details.changed();
      poller.wake();
    },
  });
  content.append(list.element, details.element);

  function back(): void {
    details.close();
    list.element.hidden = false;
    list.focus();
    poller.wake();
  }

  async function update(): Promise<void> {
    const view = details.session === undefined ? list : details;
    try {
      mayWrite ??= await api.mayWrite();
      if (view === list) await list.update(mayWrite);
      else if (!(await details.update(mayWrite, isShown))) {
        back();
        // Not with the session that is gone.
        if (isShown()) await list.update(mayWrite);
      }
    } catch (error) {
      view.failed(failureText(error, text));
    }
  }

  RED.actions.add(ACTION, () => RED.sidebar.show(TAB_ID), { label: text('show-action') });
  RED.sidebar.addTab({
    id: TAB_ID,
    label: text('tab'),
    name: text('title'),
    content,
    iconClass: 'mqtt-sessions-icon',
    enableOnEdit: true,
    action: ACTION,
    onchange: () => poller.wake(),
  });
  // However it is hidden: another tab, a closed sidebar, a section of it made small.
  new IntersectionObserver((entries) => {
    isSeen = entries.at(-1)?.isIntersecting === true;
    if (isSeen) poller.wake();
  }).observe(content);
  document.addEventListener('visibilitychange', () => poller.wake());
  // More rows are seen.
  RED.events.on('sidebar:resize', () => poller.wake());
}
