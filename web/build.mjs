// Bundles the page: build.mjs OUT_DIR DEPFILE TARGET. Leaves index.html, icon and assets with their hash in the name.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [out, depfile, target] = process.argv.slice(2);
const plain = ['index.html', 'icon.svg', 'manifest.webmanifest'];

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'assets'), { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.ts', style: 'src/style.css' },
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'esm',
  target: ['es2021', 'chrome100', 'firefox100', 'safari15'],
  outdir: join(out, 'assets'),
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
});

let index = readFileSync(join(here, 'index.html'), 'utf8');
for (const file of result.outputFiles) {
  const kind = file.path.endsWith('.css') ? 'css' : 'js';
  const hash = createHash('sha256').update(file.contents).digest('hex').slice(0, 16);
  const name = `assets/${kind === 'css' ? 'style' : 'app'}-${hash}.${kind}`;
  writeFileSync(join(out, name), file.contents);
  index = index.replace(kind === 'css' ? '/style.css' : '/app.js', `/${name}`);
}
for (const name of plain) writeFileSync(join(out, name), name === 'index.html' ? index : readFileSync(join(here, name)));

if (depfile) {
  const inputs = [...Object.keys(result.metafile.inputs), ...plain, 'build.mjs', 'build.sh', 'embed.py', 'tsconfig.json',
    'package-lock.json'];
  writeFileSync(depfile, `${target}: ${inputs.map((path) => resolve(here, path).replace(/ /g, '\\ ')).join(' ')}\n`);
}
