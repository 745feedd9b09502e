"""What words in a series description say about contrast: the table, read from the top.

One rule per thing said. ``spellings`` are separated by commas; ``*`` stands for any further letters, a space for
nothing, blanks, dots or hyphens. A word counts only as a whole word, but in scripts that do not part words anywhere.
What a rule has matched is taken out of the text, so "without contrast" is not read again as "contrast": the longer and
the more particular stand first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from abdominal_oncology.phase.labels import ArterialTiming, Phase

N, A, V, D, O = Phase  # noqa: E741 - the columns of the table below, as radiologists write them
EARLY, LATE = ArterialTiming


class Says(StrEnum):
    """What a match is good for."""

    PHASE = "names the phase"
    EXAMINATION = "names an examination that is of one phase unless another is named"
    PERHAPS = "an abbreviation with several meanings: counts when something else supports it"
    ENHANCED = "says that contrast was given, not when"
    UNUSABLE = "is no scan in a contrast phase"
    NOTHING = "looks like a phase and says none"


@dataclass(frozen=True)
class Rule:
    """``phases``: the one named, or those that an abbreviation may mean."""

    says: Says
    phases: tuple[Phase, ...]
    reason: str
    spellings: str
    timing: ArterialTiming | None = None


RULES: tuple[Rule, ...] = (
    Rule(
        Says.PHASE,
        (O,),
        "a divided bolus shows two phases at once",
        "split bolus*, splitbolus*, dual bolus, bolus fractionne*, double bolus",
    ),
    # no scan in a phase, or voxels that no longer show one
    Rule(
        Says.UNUSABLE,
        (),
        "a localizer",
        "topogram*, topo, scout*, scano, scanogram*, scanview, surview, localizer*, localiser*, lokali*, pilot"
        ", reperage, ap lat, lat ap, 定位*, 位置決め*, スカウト",
    ),
    Rule(
        Says.UNUSABLE,
        (),
        "a report, not a picture",
        "dose report*, dose info*, dose summary, dose sheet, dosis*, dosimetr*, patient protocol"
        ", patientenprotokoll, protocole patient, exam protocol, exam summary, examination summary"
        ", screen save*, screenshot*, key image*",
    ),
    Rule(
        Says.UNUSABLE,
        (),
        "watches the bolus arrive",
        "pre bolus, bolus, pre monitor*, monitor*, smart prep*, sure start, test bolus, timing bolus"
        ", bolus track*, bolus timing, tracker, roi track*, bolus test, testbolus",
    ),
    Rule(
        Says.UNUSABLE,
        (),
        "computed: its iodine was taken out or singled out",
        "vnc, vue, virtual plain, virtual non*, virtual unenh*, virtual nat*, virtuell*, iodine*, z eff*, rho z"
        ", subtract*, subtr*, subtrak*, perfusion*, perf ct, effective z, 减影",
    ),
    Rule(Says.UNUSABLE, (), "a surface view", "vrt, vr 3d, 3d vr, volume rendering, ssd"),
    Rule(
        Says.UNUSABLE,
        (),
        "pulmonary arteries or coronaries: earlier than a phase of the abdomen",
        "ctpa, pe protocol, pe chest, ct pe, pulmonary emb*, embolie pulm*, lungenemb*, pulm* angio*"
        ", angio* pulm*, coronar*, koronar*, ccta, 肺动脉*, 冠状动脉*, pulm* art*, pulmonary art*"
        ", arteria pulm*",
    ),
    # looks like a phase
    Rule(
        Says.NOTHING,
        (),
        "both with and without contrast",
        "with plain, w wo, w w/o, w/wo, w/ wo, w&wo, w/w/o, w/ w/o, w/o w, w/o & w, wo/w, wo w, w+wo, w and wo"
        ", w and w/o, w & w/o, with/without*, with and without*, with & without, with without*"
        ", without and with*, without/with*, c-/c+, c-c+, c+/c-, c-/+, c+/-, +/-c, ±c, pre and post, pre/post"
        ", pre & post, pre+post, pre post, mit und ohne, ohne und mit, mit/ohne, ohne/mit, avec et sans"
        ", sans et avec, sans/avec, sans puis avec, con y sin, sin y con, simple y contrast*, simple/contrast*"
        ", con e senza, senza e con, zonder/met, zonder en met, met en zonder, com e sem, sem e com, bez i z"
        ", z i bez, 平扫 + 增强, 平扫增强, 平扫及增强, w/o/w",
    ),
    Rule(
        Says.NOTHING,
        (),
        "several phases: the name of the examination",
        "2 phase*, 3 phase*, 4 phase*, 5 phase*, 3ph, 4ph, two phase*, three phase*, four phase*, dual phase*"
        ", triple phase*, multi phas*, tri phas*, bi phas*, triphas*, biphas*, multiphas*, multifas*, trifas*"
        ", bifas*, mehrphas*, dreiphas*, zweiphas*, 双期, 三期, 多期, 多相",
    ),
    Rule(
        Says.NOTHING,
        (),
        "about an operation or treatment, not about contrast",
        "pre op*, preop*, pre tace, pre biopsy, pre treatment, pre ablation, pre tx, pre surg*, pre proc*"
        ", pre rt, pre chemo*, post op*, postop*, post tace, post biopsy, post treat*, post ablation, post tx"
        ", post surg*, post proc*, post rt, post void, post mictur*, late post*",
    ),
    Rule(
        Says.PHASE,
        (D,),
        "the excretory phase of an urography",
        "urogram phase, urograph* phase, urographie phase, uro phase",
    ),
    Rule(
        Says.NOTHING,
        (),
        "anatomy or a device, not a phase",
        "native kidney*, native liver, native lung*, basal ganglia, lung basal, vp shunt, venous shunt*"
        ", vent* shunt, portal vein thromb*, portal hypertens*, portal thromb*, portacath, port a cath"
        ", del abdom*, del torax, del higado, del rinon*, late effect*, art line, ct urograph*, ct urogra*"
        ", uro ct, ctu, ct ivu, ivu, urogram*, urotc, uro tc, uroscan*, ct venogra*, ctv, arteriovenous malf*"
        ", avm, arteries, arteria, arterias, arterie, arterien, pulm* ven*, pv ablation, la pv, lungenven*"
        ", venous thromb*, dvt, without gat*, w/o gat*, without mar, w/o mar, wo mar, ohne mar, without imar"
        ", w/o imar",
    ),
    # without contrast
    Rule(
        Says.PHASE,
        (N,),
        "without contrast, in words",
        "non with, without iv con*, without iv, without contrast*, without contr, without cm, without"
        ", w/o iv con*, w/o contrast*, w/o con, w/o cm, w/o iv, w/o c, w/o, wo contrast*, wo iv con*, wo con"
        ", wo iv, wo cm, wo c, wo, no iv con*, no contrast*, no iv, no con, non contrast*, non con, non cont"
        ", non enhanced*, nonenhanced, non iv, non enh, non ce, un enhanced*, unenhanced*, unenh"
        ", ohne kontrast*, ohne km, ohne i v km, ohne iv km, o km, okm, sans injection*, sans inj, sans iv"
        ", sans pdc, sans produit*, sans contraste*, s/ inj*, s/inj*, sans prep*, spc, sin contraste*"
        ", sin contr, sin cte, sin civ, sem contraste*, sem contr, s/ contr*, s/contr*, s/c, s/ c, senza mdc"
        ", senza contrast*, senza mezzo*, senza, smdc, s/mdc, zonder contrast*, zonder iv, bez kontrast*"
        ", bez sk, без контраст*, без ку, utan kontrast*, uden kontrast*, kontrastsiz, kontrastsız, iv-"
        ", 造影なし, 造影無し, 비조영*, 无对比剂",
    ),
    Rule(
        Says.PHASE,
        (N,),
        "before contrast",
        "pre contrast*, precontrast*, pre con, pre iv, pre c, pre km, vor km, vor kontrast*, vor contrast*"
        ", avant inj*, avant contraste, prima mdc, prima del mdc, pre mdc, pre kontrast*, pre liver, pre",
    ),
    Rule(
        Says.PHASE,
        (N,),
        "plain",
        "nativ, native, nativphase, nativserie, nativscan, nativo, nativa, nativni, natif, нативн*, natywn*"
        ", plain, blanco, blank, leerserie, leeraufnahme, leer, simple, simples, basale, basal, diretta, vacio"
        ", nc, ncct, nect, ncect, nce, c-, (-)c, -c, (-) c, c(-), calcium score*, ca score, casc, ca sc, 平扫*"
        ", 平掃*, 単純*",
    ),
    # arterial
    Rule(
        Says.PHASE,
        (A,),
        "late arterial phase",
        "late hepatic art*, late liver art*, arterial late, art late, late arter*, late art, late ap, late hap"
        ", lap phase, spat arteri*, spatarteri*, spat art, spatart, arteriel* tardif, arteriel* tardive"
        ", arterial tardi*, arteriosa tardi*, arteriosa avanzata, tardiva arteriosa, laat arteri*, laatarteri*"
        ", pozn* tetn*, поздн* артериальн*, 动脉晚期, 晚动脉期, 後期動脈*, 晩期動脈*, 动脉后期",
        LATE,
    ),
    Rule(
        Says.PHASE,
        (A,),
        "early arterial phase",
        "early hepatic art*, early liver art*, arterial early, art early, early arter*, early art, eap"
        ", fruh arteri*, fruharteri*, fruh art, fruhart, frueharteri*, frueh art*, arteriel* precoce"
        ", arterial precoz, arterial temprana, arteriosa precoce, vroeg arteri*, vroegarteri*, wczesn* tetn*"
        ", ранн* артериальн*, 动脉早期, 早动脉期, 早期動脈*",
        EARLY,
    ),
    Rule(
        Says.PHASE,
        (A,),
        "pancreatic phase: 40 to 45 s",
        "pancreatic phase*, pancreas phase, panc phase, pancreatic parenchym*, panc parenchym*, pankreasphase"
        ", pankreatische phase, fase pancreatica, phase pancreatique, temps pancreatique, 胰腺期, 膵実質相"
        ", 膵相",
        LATE,
    ),
    Rule(
        Says.PHASE,
        (A,),
        "corticomedullary phase: 25 to 40 s",
        "cortico medull*, corticomed*, corticomid*, kortikomed*, corticale, cortical phase, fase cortical, cmp"
        ", 皮质期, 皮髓质期, 皮髄相, 皮髄境界相, 皮質相",
    ),
    Rule(
        Says.NOTHING,
        (),
        "arteries and veins at once",
        "arterio venous, arteriovenous, arterio venos*, arterioven*, arterio ven*, arterio portal, arterioportal",
    ),
    # portal venous
    Rule(
        Says.PERHAPS,
        (V, D),
        "late venous: at 100 s to some, at 180 s to others",
        "late ven*, venous late, spat venos*, spatvenos*, spatven*, spat ven, veineu* tardif, veineu* tardive"
        ", venosa tardi*, venoso tardi*, laat ven*",
    ),
    Rule(
        Says.PERHAPS,
        (A, V),
        "early portal: between arterial and portal",
        "early port*, early pv, early ven*, fruh port*, fruhport*, fruh ven*, fruhven*, portal inflow"
        ", portal* precoce, 门脉早期",
    ),
    Rule(
        Says.PHASE,
        (V,),
        "portal venous phase",
        "late portal*, fase port, port phase, portal venous*, portal ven*, portalven*, port ven*, porto ven*"
        ", portoven*, portaven*, portal, portale, portala, portaal, portalphase, portalna, portalny"
        ", portal* phase, porta phase, wrotn*, портальн*, порто венозн*, портовенозн*, pvp, pv, pvphase"
        ", 门静脉*, 門静脈*, 門靜脈*, 门脉*, 門脈*, 문맥*",
    ),
    Rule(
        Says.PHASE,
        (V,),
        "venous phase",
        "hepatic venous, venenphase, venous*, venos*, venoes*, veneus*, veneuz*, veineu*, ven, hvp, vp, zyln*"
        ", zylna, venoz*, венозн*, 静脉期, 静脉相, 静脉, 静脈相, 靜脈期, 정맥*",
    ),
    Rule(
        Says.PHASE,
        (V,),
        "nephrographic phase: 80 to 110 s",
        "nephrograph*, nephrogra*, nephrogram*, nephro, nephro phase, nefrogra*, nefro, 实质期, 肾实质期"
        ", 腎実質相, 実質相",
    ),
    # delayed
    Rule(
        Says.PHASE,
        (D,),
        "excretory phase",
        "excret*, excretion*, escret*, excreti*, ausscheidung*, urographic*, urograph* phase, urographie phase"
        ", urografi*, urogram phase, uro phase, urographische*, harnabfluss*, eliminacion, eliminat*"
        ", pyelograph*, pyelogram*, pyelo, pielogra*, выделит*, экскреторн*, wydalnicz*, 排泄*, 배설*",
    ),
    Rule(
        Says.PHASE,
        (D,),
        "equilibrium phase",
        "equilib*, equil, gleichgewicht*, evenwicht*, rownowag*, равновес*, 平衡*, 평형*",
    ),
    Rule(
        Says.PHASE,
        (D,),
        "delayed, in words",
        "delayed*, delays, delay, dly, dlyd, del, verzogert*, verzoegert*, retard*, ritardat*, vertraagd*"
        ", opozn*, отсроченн*, задержанн*, 延迟*, 延遲*, 遅延*, 延时*, 지연*",
    ),
    Rule(
        Says.PHASE,
        (D,),
        "late phase",
        "late, spat, spaet, spatphase, spaetphase, spataufnahme*, spataufn*, spatserie, spatscan, tardi*, laat"
        ", late fase, sen fas, senfas, pozn*, поздн*, gec, gec faz, 後期相, 晩期*",
    ),
    # arterial, short
    Rule(
        Says.PHASE,
        (A,),
        "arterial phase",
        "arterial*, arteriel*, arteriell*, arteri*, artar*, art, artphase, art phase, hap, tetnicz*"
        ", артериальн*, 动脉期, 动脉相, 動脈期, 動脈相, 動脈優位相, 动脉, 동맥*",
    ),
    Rule(
        Says.EXAMINATION,
        (A,),
        "an angiography of arteries",
        "cta, ct angio*, angio ct, angio tc, angiotc, angio tac, angiotac, angioscan*, angioct, angiogra*, angio",
    ),
    # short and of several meanings
    Rule(Says.PERHAPS, (A,), "AP: arterial phase, abdomen and pelvis, or front to back", "ap"),
    Rule(Says.PERHAPS, (V,), "PP: portal phase, or another", "pp"),
    Rule(Says.PERHAPS, (D,), "DP or EP: delayed, equilibrium or excretory phase, or another", "dp, ep"),
    Rule(Says.PERHAPS, (A,), "LAP: late arterial phase, or another", "lap", LATE),
    # contrast given, nothing about when
    Rule(
        Says.ENHANCED,
        (),
        "with contrast",
        "oral contrast*, with iv con*, with contrast*, with iv, with c, w contrast*, w/ contrast*, w iv con*"
        ", w/ iv*, w con, w/con*, w/ con, post contrast*, postcontrast*, post con, post iv, post c, post km"
        ", contrast enhanced, enhanced, cect, c+, +c, (+)c, c(+), iv+, mit km, m km, mkm, mit kontrast*"
        ", nach km, nkm, n km, nach kontrast*, km, avec inj*, avec iv, avec contraste, injecte*, inj"
        ", apres inj*, apc, con contraste, con cte, contrastad*, con civ, con mdc, cmdc, c/mdc, mdc, c/c"
        ", c/ contr*, c/contr*, com contr*, met contrast*, met iv, kontrast*, contrast*, контраст*, z kontrast*"
        ", med kontrast*, 增强*, 増強*, 造影*, 조영*",
    ),
)

SUPPORT = (
    "liver, liv, leber, foie, fegato, higado, lever, hepat*, kidney*, renal, niere*, rein, reins, rene, reni, pancrea*"
    ", panc, pankrea*, phase, ph, fase, faza, phasen, 肝*, 肾*, 腎*, 胰*, 膵*, 期, 相"
)
"""What makes an abbreviation of several meanings that of a phase: an organ that is scanned in phases, or the word."""

NO_AGENT = (
    "none, no contrast*, without, w/o, non contrast*, unenhanced, nil, ohne, kein*, sans, sin contraste, senza mdc"
)
"""What ContrastBolusAgent says where nothing was injected; an empty one says nothing."""
