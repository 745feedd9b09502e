"""The vocabularies: one line per English word, then its spellings in other languages; ``*`` ends a stem."""

from __future__ import annotations

from abdominal_oncology.imaging.deidentify.vocabulary import Vocabulary


def _words(text: str) -> dict[str, str]:
    """``word: spelling spelling`` per line; a line without a colon goes on where the last one ended.

    >>> _words("liver: leber foie\\n  fegato\\nneck:")
    {'liver': 'leber foie fegato', 'neck': ''}
    """
    words: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, colon, spellings = line.partition(":")
        if colon:
            words[word] = spellings.strip()
        else:
            last = next(reversed(words))
            words[last] = f"{words[last]} {line}".strip()
    return words


SERIES = Vocabulary(
    "series",
    _words(
        """
        plain: native nativ nativa nativo nativn* нативн* noncontrast noncon nonenhanced unenhanced
            noncontrastenhanced blanco leer simple simples 平扫 平掃 単純 非造影 비조영
            precontrast precontrasto vorkontrast basale basal diretta blank nc ncct nect unenh leerserie spc
            smdc kontrastsız
        late arterial: spatart* spaetart* laatart*
        early arterial: fruhart* fruehart* vroegart*
        angio: cta angio*
        arterial: arteri* tetnicz* artér* артериальн* art 动脉 動脈 동맥 aap hap
        early: frueh* fruh* early fruh precoce precoz tempran* wczesn* vroeg* ранн* 早期
        late: late spaet* spat* tardiv* tardif* tardi* tardo pozn* laat late поздн* 后期 後期 晚期
        portal venous: portalvenous portovenous portalvenoes* portalvenos* portovenos* portalven* portoven* pvp
            портовенозн* 门静脉 門静脈 門靜脈 门脉 門脈 문맥
        portal: portal* porta portaal wrotn* портальн* pv
        venous: vp venoz* venoes* venos* venoso veineux veineuse veinos* zylna zyln* veneus* veneuze венозн* ven 静脉
            静脈 靜脈 정맥
        delay: delays dly 延时
        delayed: delay* verzoeger* verzoger* retard* ritard* vertraagd* opozn* отсроченн* задержанн* 延迟 延遲 遅延 지연
        del:
        equilibrium: equil* gleichgewicht* równowag* 平衡
        parenchymal: parenchym* паренхим* 实质 實質 実質
        nephrographic: nephro* nefro* 肾实质
        corticomedullary: corticomed* kortikomed* 皮质 皮髄
        excretory: excret* escret* ausscheidung* harnabfluss* eliminac* pyelo* urographi* urografi*
            выделит* экскретор* 排泄
        urogram: urogra* ctu ivu
        hepatobiliary: hepatobil* epatobil* hbp 肝胆
        multiphase: multiphas* multifas* mehrphas* triphas* trifas* biphas* bifas* dreiphas* 三期 多期 増强
        phase: phasen fase fases faza fazy phas* фаза 期 期像 相
        inflow:
        dynamic: dynam* dinam* 动态 動態 ダイナミック
        steady state: steadystate
        transitional: transit* 移行
        contrast: contrast* kontrast* contraste contrasto km mdc constraste enhanced enh ce cect gado gd контраст*
            контрастн* 增强 増強 造影 조영
        without: ohne sine sin sans senza sem bez zonder wo wout без
        with: mit avec con com met wc z с w
        non:
        virtual: virtuel* virtuale vnc vue
        shunt:
        surgery: op surg* operat*
        pre: vor prae prima avant
        post: nach apres dopo despues после
        iv: intraven* endoven* ev
        oral:
        abdomen: abdom* addom* brzuszn* abd bauch oberbauch buik brzuch* живот* брюшн* 腹 腹部 上腹 복부
        pelvis: pelv* becken bassin bacino bekken miednic* таз* малого 盆 骨盤 盆腔 골반
        liver: leber foie fegato higado figado lever watrob* печен* hepat* hepar 肝 肝臓 肝脏 간
        chest: chest thora* torax torace brust* klatk* грудн* 胸 胸部 흉부
        rectum: rect* rekt* enddarm retto прям* 直腸 直肠 직장
        kidney: kidneys niere* renal* rein reins rene reni rinon* nerk* почк* 腎 肾
        pancreas: pancrea* pankrea* поджелуд* 膵 胰
        spleen: milz milza bazo baco sledzion* 脾
        neck: hals cou collo cuello szyi
        trunk: tap cap ctap rumpf stamm
        ap:
        upper: superior* gorn* верхн*
        lower: inferior*
        mesorectum: mesorect* mesorekt*
        axial: ax axiale axiaal axiaux ax. tra transv* transaxial* аксиальн* 轴位 軸位 横断
        coronal: cor coron* kor koron* корон* 冠状
        sagittal: sag sagitt* сагит* 矢状
        oblique: obl obliqu* schraeg* skosn*
        thin: duenn* dunn* fin fine sottil* fino cienk* тонк* 薄
        thick: dick* epais*
        slice: slices schicht* coupe* strato corte* 层
        recon: recons reconstr* rekonstr* rec реконстр* 再構成 重建
        mpr:
        mip: minip
        localizer: localis* localiz* lokaliz* lokalis* scout scano* topogram* topograf* surview survey 定位
        bolus: premonitoring monitor* smartprep surestart tracker bolustrack* testbolus
        calcium: casc
        score: scoring
        subtraction: subtr* sub 减影
        soft: weich* mou molle morbid*
        bone: knochen os osseux ossa hueso
        lung: lunge pulmon* poumon* polmon* 肺
        spiral: helical helic* spir* helix volume vol
        t1: t1w t1wi т1
        t2: t2w t2wi т2
        dwi: diff diffusion* ddwi
        adc:
        tse: fse frfse
        haste: ssfse
        vibe: lava thrive
        dixon:
        trufisp: fiesta bffe
        stir:
        water: wasser
        fat: fett graisse grasso grasa
        fs: fatsat spair spir fatsuppr*
        in phase: inphase ip
        opposed phase: oppphase outphase opphase oop
        high resolution: highres hochaufl* hires
        3d:
        2d:
        """
    ),
    quantities=True,
)
"""For series descriptions and protocol names."""


AGENT = Vocabulary(
    "contrast agent",
    _words(
        """
        iohexol: omnipaque accupaque
        iomeprol: iomeron imeron
        iopromide: ultravist iopromid
        iopamidol: isovue niopam iopamiro solutrast
        iodixanol: visipaque
        ioversol: optiray
        iobitridol: xenetix
        ioxaglate: hexabrix
        gadoxetate: primovist eovist gadoxet* gd-eob
        gadobenate: multihance gadoben*
        gadobutrol: gadovist gadavist
        gadoterate: dotarem clariscan gadoter*
        gadoteridol: prohance
        gadopiclenol: elucirem vueway
        gadopentetate: magnevist gadopent*
        barium: bario barium*
        water: wasser eau acqua agua
        mannitol:
        gastrografin: telebrix peritrast diatriz*
        oral:
        iv: intraven*
        iodine: iod jod* yod*
        gadolinium: gado gd
        """
    ),
)
"""For the name of a contrast agent; brand names become the substance."""


ROUTE = Vocabulary(
    "route",
    _words(
        """
        intravenous: iv i.v intraven* endoven*
        oral: per os po
        rectal: rekt*
        intraarterial: ia
        """
    ),
)
"""For the way a contrast agent was given."""


MAKER = Vocabulary(
    "manufacturer",
    _words(
        """
        SIEMENS: siemens*
        GE MEDICAL SYSTEMS: ge general
        Philips:
        TOSHIBA:
        Canon:
        Hitachi:
        FUJIFILM: fuji
        UIH: united
        Neusoft: neusoft*
        Esaote:
        Shimadzu:
        NeuroLogica:
        Mediso:
        Picker:
        Marconi:
        Elscint:
        Bruker:
        AbdominalOncology:
        """
    ),
)
"""For manufacturers."""


_MODELS = """
SOMATOM Sensation Definition Emotion Perspective Force Drive Edge Flash Confidence Scope Spirit Volume Zoom Plus AS DS
NAEOTOM Alpha Biograph Biograph40 Biograph64 Biograph128 mCT Horizon Vision Quadra Magnetom Avanto Aera Skyra Prisma
Verio Symphony Trio TrioTim SymphonyTim Espree Sola Vida Lumina Altea Amira Essenza Harmony Sonata LightSpeed
BrightSpeed VCT Discovery Revolution Optima HiSpeed Ultra Pro16 RT RT16 CT750 HD CT660 CT540 CT590 EVO Apex Frontier
Signa Excite HDx HDxt Artist Architect Pioneer Premier MR450 MR450w MR750 MR750w Brilliance iCT Ingenuity IQon
Spectral MX8000 IDT Gemini Achieva Ingenia Intera Ambition Elition Panorama Big Bore Incisive CT7500 dStream Aquilion
ONE PRIME CX CXL LB Lightning Genesis Precision Asteion Activion Alexion Vantage Titan Galan Orian Elan SCENARIA
Supria ECHELON OASIS AIRIS uCT uMR uMI NeuViz BodyTom Synthetic Phantom CT MR PET XR Eco Elite Select SP SE GO UP Top
All 4 6 8 10 16 20 32 40 64 80 96 128 256 320 384 400 500 510 528 530 550 560 710 750 760 770 780 820 860
"""

MODEL = Vocabulary("scanner model", dict.fromkeys(_MODELS.split(), ""))
"""For scanner models, word by word."""
