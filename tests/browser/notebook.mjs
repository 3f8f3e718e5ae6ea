// A person's path through a notebook in a real browser: open it in JupyterLab 4, Notebook 7 or Notebook 6, run all cells,
// wait, try what is interactive, and take pictures.
//
//   apt-get install --no-install-recommends chromium; npm install playwright-core@1.64.1; pip install jupyterlab notebook
//   make lab &                        (or jupyter notebook with the kernel of make lab)
//   node tests/browser/notebook.mjs 'http://localhost:8888/lab/tree/00_start_here.ipynb?token=...' /tmp/pictures
//   node tests/browser/notebook.mjs 'http://localhost:8888/notebooks/00_start_here.ipynb?token=...' /tmp/pictures
//
// It fails when a cell fails, when a cell shows nothing that should, when a dot does not answer to the pointer or a
// switch to a click, or when the page asks any other address for anything.
import { chromium } from 'playwright-core';

const [address, folder] = process.argv.slice(2);
const server = new URL(address).origin, name = address.match(/([^/]+)\.ipynb/)[1];
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu',
  '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const elsewhere = [];
page.on('request', r => {
  if (!r.url().startsWith(server) && !/^(data|about|blob):/.test(r.url()) && !r.url().startsWith('ws')) elsewhere.push(r.url());
});
page.on('dialog', d => d.accept());
let failed = false;
const fail = (...what) => { failed = true; console.log(...what); };

await page.goto(address);
await page.waitForSelector('.jp-Notebook .jp-CodeCell, #notebook-container .code_cell', { timeout: 120000 });
const classic = await page.evaluate(() => !!window.Jupyter?.notebook);
const where = classic ? 'notebook6' : address.includes('/lab') ? 'lab' : 'notebook7';
const started = Date.now();
if (classic) {
  await page.waitForFunction(() => Jupyter.notebook.kernel?.is_connected?.(), null, { timeout: 60000 });
  await page.evaluate(() => Jupyter.notebook.execute_all_cells());
} else {
  await page.waitForSelector('.jp-NotebookPanel-toolbar, .jp-Toolbar');
  await page.waitForTimeout(5000); // the kernel connects
  await page.locator('.lm-MenuBar-item', { hasText: /^Run$/ }).click();
  await page.locator('.lm-Menu-item', { hasText: /^Run All Cells$/ }).first().click();
}
// A cell is done when its prompt has a number.
const prompts = classic ? '#notebook-container .code_cell .input_prompt' : '.jp-Notebook .jp-CodeCell .jp-InputPrompt';
await page.waitForFunction(prompts => {
  const all = [...document.querySelectorAll(prompts)].map(p => p.textContent);
  return all.length > 0 && all.every(text => /\d/.test(text));
}, prompts, { timeout: 900000, polling: 1000 }).catch(async () => {
  fail('NOT ALL CELLS RAN', await page.evaluate(p => [...document.querySelectorAll(p)].map(e => e.textContent).join(' '), prompts));
});
console.log(`${where}: ran all cells of ${name} in ${((Date.now() - started) / 1000).toFixed(0)} s`);

const cells = await page.evaluate(classic => [...document.querySelectorAll(classic ? '.code_cell' : '.jp-CodeCell')].map(c => ({
  source: (c.querySelector(classic ? '.CodeMirror-code' : '.cm-content')?.textContent ?? ''),
  errors: [...c.querySelectorAll('.output_error, [data-mime-type="application/vnd.jupyter.error"]')].map(e => e.textContent),
  shown: c.querySelectorAll(classic ? '.output_subarea' : '.jp-OutputArea-output').length,
})), classic);
for (const c of cells) {
  if (c.errors.length > 0) fail('FAILED', c.source.slice(0, 80), c.errors);
  if (/show\.|l\./.test(c.source) && !/import/.test(c.source) && c.shown === 0) fail('NOTHING SHOWN', c.source.slice(0, 80));
}
console.log(`${cells.length} code cells, ${cells.map(c => c.shown).join(' ')} outputs`);

// Point at a dot, where there is one: its image appears. Click a switch: another picture does.
const dot = page.locator('svg circle[fill-opacity]').first();
if (await dot.count() > 0) {
  await dot.scrollIntoViewIfNeeded();
  await dot.hover({ force: true });
  const said = await page.locator('.say', { hasText: 'across' }).first().textContent().catch(() => '');
  console.log('hover:', said.replaceAll('\n', '; '));
  if (!/\d/.test(said)) fail('NO ANSWER TO HOVERING');
}
const choice = page.locator('label:has(input[type=radio]:not(:checked))').first();
if (await choice.count() > 0) {
  const picture = page.locator('img.combined:visible');
  const before = await picture.getAttribute('alt');
  await choice.click();
  const after = await picture.getAttribute('alt');
  console.log('switch:', before, '->', after);
  if (before === after) fail('A SWITCH DOES NOTHING');
}
for (const width of [1280, 1920]) {
  await page.setViewportSize({ width, height: 1000 });
  const height = await page.evaluate(() => Math.max(...[...document.querySelectorAll(
    '#notebook-container, .jp-Notebook, .jp-WindowedPanel-inner')].map(e => e.scrollHeight)));
  await page.setViewportSize({ width, height: Math.min(height + 200, 14000) });
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}/${name}-${where}-${width}.png` });
}
if (elsewhere.length > 0) fail('asked elsewhere:', [...new Set(elsewhere)].slice(0, 5));
await browser.close();
process.exit(failed ? 1 : 0);
