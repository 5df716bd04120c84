"""The look of the page: one style sheet, light and dark by the reader's own setting, also on a phone."""

from __future__ import annotations

from score.report.figures import DARK, LIGHT

STYLE = f"""
:root {{ color-scheme: light dark; --paper: {LIGHT.background}; --ink: {LIGHT.ink};
  --soft: #59636e; --line: #d5dae0; --card: #f6f7f9; --lift: 0 1px 2px rgb(20 30 40 / .06);
  --score: {LIGHT.all_videos}; --truth: {LIGHT.truth}; --truth-strength: .4; --alarm: {LIGHT.abnormal}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: {DARK.background}; --ink: {DARK.ink};
  --soft: #9aa4b0; --line: #333b45; --card: #1c2229; --lift: none;
  --score: {DARK.all_videos}; --truth: {DARK.truth}; --truth-strength: .5; --alarm: {DARK.abnormal}; }} }}
* {{ box-sizing: border-box; }}
html {{ scroll-behavior: smooth; scroll-padding-top: 3.4rem; -webkit-text-size-adjust: 100%; }}
body {{ margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 78rem; background: var(--paper);
  color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: .1rem 0 .3rem; letter-spacing: -.01em; }}
h2 {{ font-size: 1.2rem; margin: 2.6rem 0 .6rem; letter-spacing: -.005em; }}
h3 {{ font-size: .95rem; margin: 1.2rem 0 .3rem; }}
p, li, figcaption, .soft {{ color: var(--soft); }} p {{ margin: .3rem 0 .7rem; max-width: 48rem; }}
.soft, figcaption {{ font-size: .875rem; }}
a {{ color: var(--score); text-underline-offset: .15em; }}
.kind {{ color: var(--soft); font-size: .8125rem; letter-spacing: .04em; text-transform: uppercase;
  margin: 0; }}
.chips {{ display: flex; flex-wrap: wrap; gap: .4rem; margin: .6rem 0; padding: 0; list-style: none; }}
.chips > li {{ background: var(--card); border: 1px solid var(--line); border-radius: 99px;
  padding: .1rem .7rem;
  font-size: .8125rem; }}
.warn {{ border-left: 4px solid var(--truth); background: var(--card); border-radius: 0 6px 6px 0;
  margin: .8rem 0; padding: .5rem .9rem .5rem 1.8rem; font-size: .9rem; }}
.warn .leak {{ color: var(--alarm); font-weight: 600; }}
nav {{ position: sticky; top: 0; z-index: 2; display: flex; gap: 1.1rem; overflow-x: auto;
  margin: 1rem -1rem 0;
  padding: .6rem 1rem; background: var(--paper); border-bottom: 1px solid var(--line); font-size: .9rem;
  scrollbar-width: none; }}
nav a {{ text-decoration: none; white-space: nowrap; }}
nav a:hover {{ text-decoration: underline; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .8rem;
  margin: 1rem 0; }}
.tile {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem;
  box-shadow: var(--lift); }}
.tile .name {{ font-size: .875rem; color: var(--soft); margin: 0; }}
.tile .value {{ color: var(--ink); font-size: 2rem; line-height: 1.2; font-weight: 650;
  font-variant-numeric: tabular-nums;
  letter-spacing: -.02em; margin: 0; }}
.tile .value small {{ font-size: .9rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }}
.tile .facts {{ font-size: .8125rem; margin: .35rem 0 0; font-variant-numeric: tabular-nums; }}
.track {{ position: relative; height: .5rem; border-radius: 99px; background: var(--line);
  margin: .5rem 0 .2rem; }}
.track i {{ position: absolute; top: 0; height: 100%; border-radius: 99px; background: var(--score);
  opacity: .45; }}
.track b {{ position: absolute; top: -.2rem; width: .22rem; height: .9rem; margin-left: -.11rem;
  border-radius: 2px;
  background: var(--score); }}
.track u {{ position: absolute; top: -.12rem; width: .55rem; height: .55rem; margin: .1rem 0 0 -.28rem;
  transform: rotate(45deg); background: var(--ink); border: 1.5px solid var(--card); }}
.figures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem;
  align-items: start; }}
figure {{ margin: 0; min-width: 0; }}
.chart {{ background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .7rem;
  box-shadow: var(--lift); }}
.chart img {{ margin: 0 auto; }}
.chart figcaption {{ margin: .5rem .2rem 0; }}
img {{ max-width: 100%; height: auto; display: block; }}
.wide {{ overflow-x: auto; }}
.columns {{ columns: 26rem; column-gap: 2.5rem; }} .columns > div {{ break-inside: avoid;
  margin-bottom: 1rem; }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: normal; }}
td:first-child {{ overflow-wrap: break-word; min-width: 5.5rem; }}
th {{ vertical-align: bottom; font-size: .8125rem; color: var(--soft); font-weight: 600; }}
td.number, th.number {{ text-align: right; }} td.number span {{ white-space: nowrap; }}
tbody tr:hover {{ background: var(--card); }}
details > summary {{ cursor: pointer; padding: .3rem 0; color: var(--score); font-size: .9375rem; }}
.choice {{ position: absolute; opacity: 0; pointer-events: none; }}
.choices {{ display: inline-flex; border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
  margin: .2rem .8rem .9rem 0; vertical-align: top; font-size: .875rem; }}
.choices label {{ padding: .3rem .8rem; cursor: pointer; border-left: 1px solid var(--line); }}
.choices label:first-child {{ border-left: 0; }}
.videos {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr));
  gap: .8rem; }}
.video {{ order: var(--place); background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .55rem .7rem; content-visibility: auto; contain-intrinsic-size: auto 10rem; }}
.video b {{ display: block; font-size: .875rem; }}
.video svg {{ display: block; width: 100%; height: 5rem; margin: .3rem 0; background: var(--paper);
  border-radius: 4px; }}
.truth {{ fill: var(--truth); fill-opacity: var(--truth-strength); }}
.range {{ fill: var(--score); fill-opacity: .25; }}
.score {{ fill: none; stroke: var(--score); stroke-width: 1.6; vector-effect: non-scaling-stroke; }}
.half {{ stroke: var(--line); vector-effect: non-scaling-stroke; stroke-dasharray: 3 3; }}
.key {{ display: inline-block; width: 1.4em; height: .8em; margin: 0 .3em 0 .8em; vertical-align: baseline; }}
pre {{ background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem;
  overflow-x: auto;
  white-space: pre-wrap; font-size: .8125rem; }}
#best:checked ~ .videos .video {{ order: calc(-1 * var(--place)); }}
#anomalous:checked ~ .videos .normal, #normal:checked ~ .videos .anomalous {{ display: none; }}
#worst:checked ~ .bar [for=worst], #best:checked ~ .bar [for=best], #every:checked ~ .bar [for=every],
#anomalous:checked ~ .bar [for=anomalous], #normal:checked ~ .bar [for=normal] {{ background: var(--score);
  color: var(--paper); }}
.choice:focus-visible ~ .bar .choices {{ outline: 2px solid var(--score); outline-offset: 2px; }}
@media (max-width: 30rem) {{ h1 {{ font-size: 1.3rem; }} table {{ font-size: .8125rem; }}
  th, td {{ padding-right: .5rem; }} .chart {{ padding: .4rem; }} .tile .value {{ font-size: 1.7rem; }} }}
@media (prefers-reduced-motion: reduce) {{ html {{ scroll-behavior: auto; }} }}
@media print {{ nav, .bar {{ display: none; }} .video {{ content-visibility: visible;
  break-inside: avoid; }} }}
"""
