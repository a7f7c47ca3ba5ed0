import assert from 'node:assert/strict';
import { Sidebar } from './sidebar-page';
import { configTypes, nodeTypes, renamedFlow, withEditor } from './with-editor';

describe('the editor in German', function () {
  this.timeout(60_000);
  const inject = { id: 'inject', type: 'inject', z: 'tab', x: 100, y: 500, payload: 'x', payloadType: 'str' };
  const props = [{ p: 'payload' }];
  const flow = [...renamedFlow, { ...inject, props, wires: [['renamed-out']] }];
  const others = [
    { id: 'store', type: 'mqtt-session-store', name: '' },
    { id: 'admin', type: 'mqtt-session-admin', z: 'tab', x: 100, y: 600, broker: 'renamed-broker', wires: [[]] },
  ];
  const editor = withEditor([...flow, ...others], { settings: { lang: 'de' }, locale: 'de' });

  const fields: Record<string, { title: string; labels: RegExp }> = {
    'mqtt-persistent-in': { title: 'renamed-in', labels: /Server.*Aktion.*Ein Topic abonnieren.*Bestätigen/s },
    'mqtt-persistent-out': { title: 'renamed-out', labels: /Erledigt, wenn.*auf der Platte gespeichert/s },
    'mqtt-persistent-broker': {
      title: 'renamed-broker',
      labels: /Client-ID.*Wenn verloren.*Speicher.*Max\. unterwegs/s,
    },
    'mqtt-session-store': { title: 'store', labels: /Ordner.*Testen.*Gesichert.*Max\. Größe.*Aufräumen/s },
    'mqtt-session-admin': { title: 'admin', labels: /Server.*Aktion.*adopt – andere Session übernehmen.*Client-ID/s },
  };

  it('is tested in the dialogs of all node types', () => {
    assert.deepEqual(Object.keys(fields).sort(), [...nodeTypes].sort());
  });

  for (const [type, { title, labels }] of Object.entries(fields)) {
    it(`has the dialog of ${type}`, async () => {
      const isConfig = configTypes.includes(type);
      const form = isConfig ? await editor.openConfig(type, title) : await editor.open(title);
      const content = String(await form.textContent());
      assert.match(content, labels);
      assert.doesNotMatch(content, /\b(the|of|and|none|when|from)\b/, 'English words');
    });
  }

  it('has validators and help', async () => {
    const problem = await editor.validate('mqtt-persistent-broker', 'port', '0');
    assert.equal(problem, 'Geben Sie eine ganze Zahl von 1 bis 65535 ein');
    for (const type of nodeTypes)
      assert.match(await editor.help(type), /<h3>(Details|Eingangsdaten)<\/h3>.*(wird|ist) /s);
  });

  it('shows statuses of a runtime in German, with the first word that flows match', async () => {
    assert.equal((await fetch(`${editor.url}/inject/inject`, { method: 'POST' })).status, 200);
    await editor.page.getByText('disconnected: 1 wartend').first().waitFor();
  });

  it('has the sidebar, with numbers as they are written there', async () => {
    const sidebar = new Sidebar(editor);
    await sidebar.show();
    await editor.page.getByText(/^Sessions: 1 · Nachrichten: 1 \(\d+ B\)$/).waitFor();
    const row = editor.page.locator('.mqtt-sessions-row button');
    assert.match(String(await row.getAttribute('aria-label')), /, Verbindung getrennt$/);
    assert.match(await row.innerText(), /Verbindung getrennt.*1 wartend.*älteste \d+ (Sek|Min)\./s);
    await row.click();
    await sidebar.detailsSay(/Gespeichert\n\d+ B, <1\s% von 1 GiB/);
    await sidebar.press('delete');
    assert.match(
      await sidebar.question(),
      /Löscht die Session "nr\w+" mit allem.*nicht rückgängig.*Session beim Broker beenden/s,
    );
    await sidebar.refuse();

    // An error, with what it is about, in the list of errors and where the action was asked for.
    const unreachable = /Der Broker ist nicht erreichbar\. Prüfen Sie .*\(Broker 127\.0\.0\.1:1, Code ECONNREFUSED\)/;
    await sidebar.press('connect');
    await sidebar.notified(unreachable);
    // The browser says so of every refused request.
    assert.match(editor.takeErrors().join(), /^[^,]*status of 502[^,]*$/);
    await sidebar.openSection('errors');
    await sidebar.detailsSay(unreachable);
    // The first word is what flows match.
    await editor.page
      .getByText(/^disconnected: 1 wartend$/)
      .first()
      .waitFor();
  });
});
