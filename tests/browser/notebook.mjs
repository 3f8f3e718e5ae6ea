// A person's path through a notebook in a real browser: open Jupyter, open the notebook, run all cells, wait, and take pictures at 1280
// and 1920 pixels.
//
//   apt-get install --no-install-recommends chromium jupyter-notebook; npm install playwright-core@1.64.1
//   make lab &                        (or jupyter notebook with the kernel of make lab)
//   node tests/browser/notebook.mjs http://localhost:8888 00_start_here /tmp/pictures
//
// It fails when a cell fails, when a cell shows nothing that should, or when the page asks any other address for anything.
import { chromium } from 'playwright-core';

const [server, name, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const elsewhere = [];
page.on('request', r => { if (!r.url().startsWith(server) && !/^(data|about|blob):/.test(r.url()) && !r.url().startsWith('ws')) elsewhere.push(r.url()); });
page.on('dialog', d => d.accept());

await page.goto(`${server}/notebooks/${name}.ipynb`);
await page.waitForFunction(() => window.Jupyter?.notebook?.kernel?.is_connected?.(), null, { timeout: 60000 });
await page.evaluate(() => Jupyter.notebook.execute_all_cells());
const started = Date.now();
await page.waitForFunction(() => {
  const cells = Jupyter.notebook.get_cells().filter(c => c.cell_type === 'code');
  return cells.every(c => c.input_prompt_number && c.input_prompt_number !== '*') && !Jupyter.notebook.kernel_busy;
}, null, { timeout: 900000, polling: 1000 });
console.log(`ran all cells in ${((Date.now() - started) / 1000).toFixed(0)} s`);
const outputs = await page.evaluate(() => Jupyter.notebook.get_cells().filter(c => c.cell_type === 'code').map(c => ({
  text: c.get_text(), errors: c.output_area.outputs.filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue),
  shown: c.output_area.outputs.length, pictures: c.output_area.element.find('img, svg').length })));
let failed = false;
for (const o of outputs) {
  if (o.errors.length > 0) { failed = true; console.log('FAILED', o.text, o.errors); }
  if (/show\.|l\./.test(o.text) && !/^import "testing"/.test(o.text) && o.shown === 0) { failed = true; console.log('NOTHING SHOWN', o.text); }
}
console.log(outputs.map(o => `${o.shown} outputs, ${o.pictures} pictures`).join('; '));
// Hover over the first dot that is drawn, where there is one: its image appears.
const dot = page.locator('svg circle[fill-opacity]').first();
if (await dot.count() > 0) {
  await dot.scrollIntoViewIfNeeded();
  await dot.hover({ force: true });
  const said = await page.locator('.say').first().textContent();
  console.log('hover:', said);
  if (!/\d/.test(said)) { failed = true; console.log('NO ANSWER TO HOVERING'); }
}
for (const width of [1280, 1920]) {
  await page.setViewportSize({ width, height: 1000 });
  const height = await page.evaluate(() => document.querySelector('#notebook-container').scrollHeight);
  await page.setViewportSize({ width, height: Math.min(height + 200, 12000) });
  await page.waitForTimeout(1000);
  await page.screenshot({ path: `${folder}/${name}-${width}.png` });
}
if (elsewhere.length > 0) { failed = true; console.log('asked elsewhere:', [...new Set(elsewhere)].slice(0, 5)); }
await browser.close();
process.exit(failed ? 1 : 0);
