// The style sheet of the page: light, dark, phone and paper.
#include "compare/report/sections.h"

namespace tendon::report {

const char* const kStyle = R"css(
:root{
  --bg:#f7f7f5;--surface:#fff;--ink:#1b1e23;--muted:#5d6470;--faint:#8b919b;--line:#e3e4e2;--track:#eef0ef;
  --good:#1b7a4b;--good-bg:#e9f4ee;--bad:#b3261e;--bad-bg:#fbecea;
  --s0:#3d434d;--s1:#1f6fd1;--s2:#d2600f;--s3:#0d8a72;--s4:#8a4fc4;--s5:#b8860b;--recorded:#a3a8b0;
  --h0:#eef3f8;--h1:#dbe7f3;--h2:#bdd5ec;--h3:#94bbe0;--h4:#669bcf;--h5:#3c7ab8;--h6:#1f5a98;--h7:#0d3767;
}
@media screen and (prefers-color-scheme:dark){:root{
  --bg:#14161a;--surface:#1c1f25;--ink:#e7e9ec;--muted:#a2a8b3;--faint:#7b828d;--line:#2d3139;--track:#272b32;
  --good:#5fc594;--good-bg:#19291f;--bad:#f2857c;--bad-bg:#331e1c;
  --s0:#c4c9d1;--s1:#5ea4f5;--s2:#f09550;--s3:#3fc0a4;--s4:#bb8cee;--s5:#dcb04a;--recorded:#6b727d;
  --h0:#1f252d;--h1:#22303f;--h2:#26415c;--h3:#2c567f;--h4:#3671a8;--h5:#4d92cf;--h6:#7cb6ea;--h7:#c2e0fb;
}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",Arial,sans-serif;
  font-variant-numeric:tabular-nums;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
h1,h2,h3,h4,p,dl,dd,ul,figure{margin:0}
h1{font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:21px;line-height:1.3;font-weight:640;letter-spacing:-.01em}
h3{font-size:15px;font-weight:640;margin-top:28px}
h4{font-size:14px;font-weight:600;color:var(--muted);margin-top:20px}
b{font-weight:620}
small{font-size:12px;color:var(--muted)}
code,pre{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{background:var(--track);border-radius:4px;padding:1px 5px}
pre{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin:16px 0 0;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
pre code{background:none;padding:0}
header{margin-bottom:24px}
.eyebrow{font-size:12px;font-weight:600;letter-spacing:.09em;text-transform:uppercase;color:var(--muted);margin-bottom:8px}
.meta{color:var(--muted);margin-top:8px}
section{margin-top:56px}
.lead{color:var(--muted);max-width:76ch;margin-top:6px}
.note{color:var(--muted);font-size:13px;margin-top:2px;max-width:100ch}
.lead+.note{margin-top:10px}
sup{font-size:.75em;line-height:0}
.none{color:var(--muted);background:var(--surface);border:1px dashed var(--line);border-radius:10px;padding:14px 16px;margin-top:16px}
.verdict{display:grid;grid-template-columns:auto 1fr;gap:20px;margin-top:0;background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:24px;border-left:5px solid var(--good)}
.verdict.failed{border-left-color:var(--bad)}
.verdict p{color:var(--muted);margin-top:4px}
.seal{width:40px;height:40px;border-radius:50%;display:grid;place-items:center;font-size:20px;font-weight:700;background:var(--good-bg);color:var(--good)}
.failed .seal{background:var(--bad-bg);color:var(--bad)}
.summary{list-style:none;padding:0;margin-top:16px;display:grid;gap:14px}
.summary li{overflow-wrap:anywhere;max-width:88ch}
.summary p{color:var(--ink);margin-top:2px}
.summary .who{display:flex;align-items:center;flex-wrap:wrap;gap:0 10px;margin:0}
.summary .who .swatch{margin:0}
.summary .over{color:var(--bad)}
.badge{font-size:11px;font-weight:600;line-height:1;padding:4px 8px;border-radius:99px}
.badge.good{background:var(--good-bg);color:var(--good)}.badge.bad{background:var(--bad-bg);color:var(--bad)}
nav{display:flex;flex-wrap:wrap;gap:6px 20px;margin-top:24px;font-size:14px}
a{color:var(--s1);text-decoration:none}
a:hover{text-decoration:underline}
.swatch{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px;flex:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:16px 0 10px;font-size:13px;color:var(--muted)}
.legend span{display:inline-flex;align-items:center}
.swatch.s0,.bar.s0,.dot.s0{background:var(--s0)}.swatch.s1,.bar.s1,.dot.s1{background:var(--s1)}.swatch.s2,.bar.s2,.dot.s2{background:var(--s2)}
.swatch.s3,.bar.s3,.dot.s3{background:var(--s3)}.swatch.s4,.bar.s4,.dot.s4{background:var(--s4)}.swatch.s5,.bar.s5,.dot.s5{background:var(--s5)}
.swatch.recorded{background:var(--recorded)}.swatch.narrow{background:var(--h6)}.swatch.wide{background:var(--h3)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;margin-top:20px}
.cards.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,270px),1fr));margin-bottom:20px}
.card{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:18px 20px;min-width:0;break-inside:avoid}
.card h3{margin:0}
.bars{margin-top:14px;display:grid;gap:2px}
.bars dt{font-size:13px;color:var(--muted);overflow-wrap:anywhere}
.bars dd{margin-bottom:10px}
.track{display:block;position:relative;height:10px;border-radius:3px;background:var(--track)}
.bar{position:absolute;inset:0 auto 0 0;border-radius:3px;min-width:1px}
.tick{position:absolute;top:-2px;bottom:-2px;width:2px;margin-left:-2px;background:var(--ink);border-radius:1px}
.value{display:block;font-size:13px;color:var(--muted);margin-top:3px}
.value b{color:var(--ink);font-size:15px}
.joints{display:grid;grid-template-columns:max-content minmax(80px,1fr) max-content;gap:10px 18px;align-items:center;background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin-top:8px}
.row{display:contents}
.name{font-size:13px;overflow-wrap:anywhere}
.tracks{display:grid;gap:5px}
.values{display:grid;font-size:13px;text-align:right;line-height:15px;white-space:nowrap}
.values .over{color:var(--bad);font-weight:620}
.dots{position:relative;height:14px;margin-right:6px;border-bottom:1px solid var(--line)}
.dot{position:absolute;width:10px;height:10px;border-radius:50%;margin:2px 0 0 -5px;border:1.5px solid var(--surface);box-sizing:content-box}
.box{overflow-x:auto;background:var(--surface);border:1px solid var(--line);border-radius:12px;margin-top:16px}
table{border-collapse:collapse;width:100%;font-size:13px}
th,td{padding:8px 11px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;white-space:normal;vertical-align:bottom;font-weight:560;color:var(--muted);font-size:12px}
th:first-child{text-align:left}
tbody th{font-weight:540;text-align:left;vertical-align:top}
.text{text-align:left}
.engines tbody th{white-space:normal;word-break:break-all;min-width:180px}
.engines td{vertical-align:top}
.engines td.text{white-space:normal;min-width:110px}
.hash{font:12px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--muted)}
details{margin-top:14px}
summary{cursor:pointer;font-size:14px;color:var(--s1);width:fit-content}
.heatlegend{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12px;color:var(--muted);margin-top:10px}
.heatlegend span{display:inline-flex;align-items:center;gap:5px}
.heatlegend span:first-child{font-weight:600;min-width:3.2em}
.heatlegend i{width:14px;height:14px;border-radius:3px;border:1px solid var(--line)}
i.h0{background:var(--h0)}i.h1{background:var(--h1)}i.h2{background:var(--h2)}i.h3{background:var(--h3)}i.h4{background:var(--h4)}i.h5{background:var(--h5)}i.h6{background:var(--h6)}i.h7{background:var(--h7)}
.heat path{shape-rendering:crispEdges}
.h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}.h3{fill:var(--h3)}.h4{fill:var(--h4)}.h5{fill:var(--h5)}.h6{fill:var(--h6)}.h7{fill:var(--h7)}
.heatmaps{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;margin-top:14px}
.heatmap{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:16px 18px;min-width:0;break-inside:avoid}
.heatmap figcaption{font-size:13px;font-weight:600;margin-bottom:10px;overflow-wrap:anywhere}
.rows{display:grid;grid-template-columns:max-content 1fr;gap:3px 12px;align-items:center}
.rows .name{font-size:12px;color:var(--muted);line-height:15px}
svg{display:block;width:100%}
svg.heat{height:15px;border-radius:2px}
svg.tall{height:150px}
svg.wide{height:96px}
svg.low{height:44px;margin-top:6px}
svg.roofline{height:280px}
.roof{fill:none;stroke:var(--faint);stroke-width:1.5;vector-effect:non-scaling-stroke}
.dot{stroke-linecap:round;stroke-opacity:.65;vector-effect:non-scaling-stroke}
.dot.narrow{stroke:var(--h6)}.dot.wide{stroke:var(--h3)}
.plot{display:grid;grid-template-columns:minmax(3.6em,max-content) 1fr;column-gap:10px;margin-top:10px}
.plot svg{background:linear-gradient(var(--line),var(--line)) bottom/100% 1px no-repeat,linear-gradient(var(--line),var(--line)) top/100% 1px no-repeat}
.ends{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:11px;line-height:12px;color:var(--faint);white-space:nowrap}
svg.low~.axis{margin-top:4px}
.ends:nth-of-type(2){margin-top:6px}
.axis{display:flex;justify-content:space-between;font-size:11px;color:var(--faint);margin-top:3px}
.curve{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.curve.s0{stroke:var(--s0)}.curve.s1{stroke:var(--s1)}.curve.s2{stroke:var(--s2)}.curve.s3{stroke:var(--s3)}.curve.s4{stroke:var(--s4)}.curve.s5{stroke:var(--s5)}
.curve.recorded{stroke:var(--recorded);stroke-dasharray:5 4}
.zero{stroke:var(--line);vector-effect:non-scaling-stroke;fill:none}
.marker{stroke:var(--faint);stroke-dasharray:2 3;vector-effect:non-scaling-stroke;fill:none}
.bin{fill:var(--h4);shape-rendering:crispEdges}
.cut{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.cut.s1{stroke:var(--s1)}.cut.s2{stroke:var(--s2)}.cut.s3{stroke:var(--s3)}.cut.s4{stroke:var(--s4)}.cut.s5{stroke:var(--s5)}
.cuts{list-style:none;padding:0;margin-top:8px;font-size:12px;color:var(--muted)}
.plain{margin-top:10px}
.narrow-layer{fill:var(--h6)}.wide-layer{fill:var(--h3)}
.small-multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:16px;margin-top:12px}
.joint{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:14px 16px;min-width:0;break-inside:avoid}
.joint figcaption{display:flex;justify-content:space-between;gap:12px;font-size:13px}
.joint figcaption b{overflow-wrap:anywhere}
.joint figcaption span{color:var(--muted);font-size:12px;text-align:right}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(110px,1fr));gap:8px;margin-top:12px}
.pictures img{display:block;width:100%;height:auto;border-radius:6px;background:var(--track)}
.pictures figcaption{font-size:11px;color:var(--faint);margin-top:3px;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;margin-top:16px;font-size:13px}
.facts dt{color:var(--muted)}
.facts dd{overflow-wrap:anywhere}
footer{margin-top:64px;padding-top:16px;border-top:1px solid var(--line);color:var(--faint);font-size:12px}
@media (max-width:640px){
  main{padding:24px 16px 48px}
  h1{font-size:23px}
  section{margin-top:44px}
  .verdict{grid-template-columns:1fr;gap:12px;padding:18px}
  .joints{display:grid;grid-template-columns:1fr;gap:14px;padding:14px 16px}
  .row{display:grid;grid-template-columns:1fr max-content;gap:4px 12px}
  .row .tracks,.row .dots{grid-row:2;grid-column:1/-1}
  .facts{grid-template-columns:1fr;gap:0}
  .facts dd{margin-bottom:8px}
}
@media print{
  @page{margin:14mm}
  body{background:#fff;font-size:11px}
  main{max-width:none;padding:0}
  nav{display:none}
  section{margin-top:28px}
  .box{overflow:visible}
  th,td{padding:4px 6px;white-space:normal}
  tbody th{overflow-wrap:anywhere}
  details::details-content{content-visibility:visible;display:block}
  summary{color:var(--muted)}
  h2,h3,h4{break-after:avoid}
  .small-multiples{grid-template-columns:repeat(3,1fr)}
}
)css";

}  // namespace tendon::report
