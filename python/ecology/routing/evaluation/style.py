"""How an evaluation's page looks; the colours are those of its charts."""

from __future__ import annotations

from ...plot import STYLE

__all__ = ["PAGE_STYLE"]

PAGE_STYLE = (
    STYLE
    + """
.eco, .eco * { box-sizing:border-box; } body.eco { margin:0; -webkit-text-size-adjust:100%; }
.eco { background:var(--ground); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; }
.eco main { max-width:1120px; margin:0 auto; padding:32px 24px 64px; }
.eco h1 { font-size:26px; line-height:1.25; margin:0 0 4px; letter-spacing:-.01em; }
.eco h2 { font-size:18px; margin:44px 0 4px; letter-spacing:-.005em; }
.eco h3 { font-size:13px; font-weight:600; margin:0 0 4px; overflow-wrap:anywhere; }
.eco p { margin:4px 0 12px; max-width:100ch; } .eco .soft { color:var(--soft); font-size:13.5px; }
.eco .mono { font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; font-size:12.5px;
  overflow-wrap:anywhere; }
.eco .warn { border-left:3px solid var(--c1); background:var(--panel); padding:8px 14px; margin:8px 0; font-size:14px;
  border-radius:0 6px 6px 0; }
.eco .tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(300px,1fr)); gap:12px; margin:20px 0 8px; }
.eco .tile { background:var(--panel); border:1px solid var(--line); border-radius:10px; padding:12px 16px; }
.eco .tile b { display:block; font-size:25px; line-height:1.25; font-weight:650; font-variant-numeric:tabular-nums; }
.eco .tile .up { color:var(--c2); } .eco .tile .down { color:var(--c1); }
.eco .tile span { font-size:12.5px; color:var(--soft); display:block; }
.eco .two { display:grid; grid-template-columns:repeat(auto-fit,minmax(400px,1fr)); gap:24px; align-items:start; }
.eco .many { display:grid; grid-template-columns:repeat(auto-fill,minmax(240px,1fr)); gap:18px; margin-top:16px; }
.eco figure { margin:8px 0 0; } .eco .scroll { overflow-x:auto; }
.eco table { border-collapse:collapse; width:100%; font-size:13.5px; font-variant-numeric:tabular-nums; margin:10px 0; }
.eco th { text-align:right; font-weight:600; color:var(--soft); font-size:12.5px; padding:6px 10px;
  border-bottom:1px solid var(--line); vertical-align:bottom; }
.eco td { text-align:right; padding:6px 10px; border-bottom:1px solid var(--grid); vertical-align:top;
  white-space:nowrap; }
.eco td.text, .eco th.text { text-align:left; white-space:normal; } .eco td small { color:var(--soft); }
.eco td.text small { display:block; line-height:1.4; } .eco tr.first td { font-weight:600; }
.eco tr.first td small { font-weight:400; } .eco details { margin-top:40px; }
.eco summary { cursor:pointer; color:var(--soft); font-size:13.5px; }
@media (max-width:600px) { .eco main { padding:20px 14px 40px; } .eco .two { grid-template-columns:1fr; } }
@media print { .eco h2 { break-after:avoid; } .eco figure { break-inside:avoid; } }
"""
)
