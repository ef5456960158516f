"""Configurations of TI's demos, as facts: the values that the files hold and the figures that their headers state."""

RADHAR = """\
sensorStop
flushCfg
dfeDataOutputMode 1
channelCfg 15 7 0
adcCfg 2 1
adcbufCfg 0 1 0 1
profileCfg 0 77 7 7 57.14 0 0 70 1 240 4884 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
chirpCfg 2 2 0 0 0 0 0 2
frameCfg 0 2 16 0 33.333 1 0
guiMonitor 1 0 0 0 0 0
cfarCfg 0 2 8 4 4 0 4000
peakGrouping 1 0 1 1 229
multiObjBeamForming 1 0.5
clutterRemoval 0
calibDcRangeSig 0 -5 8 256
compRangeBiasAndRxChanPhase 0.0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0
sensorStart
"""


def demo(platform: str, profile: str, masks: tuple[int, ...], loops: int, period: str, rest: str = "") -> str:
    """A demo configuration from the values that differ."""
    chirps = "\n".join(f"chirpCfg {i} {i} 0 0 0 0 0 {mask}" for i, mask in enumerate(masks))
    enabled = 0
    for mask in masks:
        enabled |= mask
    return (
        f"% Platform:{platform}\nsensorStop\nflushCfg\ndfeDataOutputMode 1\nchannelCfg 15 {enabled} 0\nadcCfg 2 1\n"
        f"adcbufCfg -1 0 1 1 1\nprofileCfg {profile}\n{chirps}\n"
        f"frameCfg 0 {len(masks) - 1} {loops} 0 {period} 1 0\n{rest}"
    )


SDK3 = """\
lowPower 0 0
guiMonitor -1 1 1 0 0 0 1
cfarCfg -1 0 2 8 4 3 0 15 1
cfarCfg -1 1 0 8 4 4 1 12 0
multiObjBeamForming -1 1 0.5
clutterRemoval -1 1
calibDcRangeSig -1 1 -5 8 256
extendedMaxVelocity -1 1
lvdsStreamCfg -1 0 0 0
compRangeBiasAndRxChanPhase 0.0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0
measureRangeBiasAndRxChanPhase 0 1.5 0.2
CQRxSatMonitor 0 3 19 125 0
CQSigImgMonitor 0 127 6
analogMonitor 0 0
aoaFovCfg -1 -60 45 -30 20
cfarFovCfg -1 0 0.25 12.00
cfarFovCfg -1 1 -1.5 1.56
calibData 0 0 0
sensorStart
"""

# Text, board, then the header's range resolution in m and its maximum radial velocity in m/s. TI's visualizer takes
# lambda at the start of the ramp.
DEMOS = {
    "1843 best range resolution": (
        demo("xWR18xx", "0 77 8 7 200 0 0 20 1 384 2000 0 0 30", (1, 4, 2), 32, "100", SDK3),
        ("IWR1843BOOST", 0.039, 1.56),
    ),
    "1843 best velocity resolution": (
        demo("xWR18xx", "0 77 115 7 15 0 0 100 1 64 9142 0 0 30", (1, 4, 2), 128, "100", SDK3),
        ("IWR1843BOOST", 0.214, 2.5),
    ),
    "1843 best range": (
        demo("xWR18xx", "0 77 296 7 28.49 0 0 30 1 256 12499 0 0 30", (1, 4, 2), 16, "100", SDK3),
        ("IWR1843BOOST", 0.244, 1.0),
    ),
    "1443 best range resolution": (
        demo(
            "xWR14xx", "0 77 7 7 57.14 0 0 70 1 240 4884 0 0 30", (1, 4, 2), 16, "33.333", "cfarCfg 0 2 8 4 3 0 768\n"
        ),
        ("IWR1443BOOST", 0.044, 5.06),
    ),
    "6843 AOP best range resolution": (
        demo("xWR68xx_AOP", "0 60 359 7 57.14 0 0 70 1 256 5209 0 0 158", (1, 2, 4), 16, "250", SDK3),
        ("IWR6843AOP", 0.044, 1.0),
    ),
    "6843 AOP 30 frames": (
        demo("xWR68xx_AOP", "0 60 230 7 114.29 0 0 35 1 272 2559 0 0 158", (1, 2, 4), 16, "33.333", SDK3),
        ("IWR6843AOP", 0.04, 1.21),
    ),
}

GEOMETRY = {
    "IWR6843ISK": ("0 -1 -2 -3 -2 -3 -4 -5 -4 -5 -6 -7", "-1 -1 -1 -1 0 0 0 0 -1 -1 -1 -1"),
    "IWR6843ISK-ODS": ("0 0 -1 -1 -2 -2 -3 -3 -2 -2 -3 -3", "0 -1 -1 0 0 -1 -1 0 -2 -3 -3 -2"),
    "IWR6843AOP": ("-1 -1 0 0 -3 -3 -2 -2 -1 -1 0 0", "-1 0 -1 0 -3 -2 -3 -2 -3 -2 -3 -2"),
}


def people_counting(board: str) -> str:
    """The lines of TI's 3-D people counting demo that matter, for one of the 60 GHz boards."""
    left, up = GEOMETRY[board]
    return f"""\
dfeDataOutputMode 1
channelCfg 15 7 0
adcCfg 2 1
profileCfg 0 60.75 30.00 25.00 59.10 657930 0 54.71 1 96 2950.00 2 1 36
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 2
chirpCfg 2 2 0 0 0 0 0 4
frameCfg 0 2 96 0 55.00 1 0
dynamicRACfarCfg -1 4 4 2 2 8 12 4 8 5.00 8.00 0.40 1 1
staticRACfarCfg -1 6 2 2 2 8 8 6 4 8.00 15.00 0.30 0 0
antGeometry0 {left}
antGeometry1 {up}
antPhaseRot 1 -1 1 -1 1 -1 1 -1 1 -1 1 -1
fovCfg -1 70.0 20.0
compRangeBiasAndRxChanPhase 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0
staticBoundaryBox -3 3 2 5.5 0 3
sensorStart
"""


SUBFRAMES = """\
% Platform:xWR68xx
dfeDataOutputMode 3
channelCfg 15 5 0
adcCfg 2 1
profileCfg 0 60 7 2 16 0 0 250 1 128 9200 0 0 30
profileCfg 3 60 7 3 44 0 0 30 1 512 12500 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
chirpCfg 6 6 3 0 0 0 0 1
chirpCfg 7 7 3 0 0 0 0 4
advFrameCfg 2 0 0 1 0
subFrameCfg 0 0 0 2 32 100 0 1 1 100
subFrameCfg 1 0 6 2 16 100 0 1 1 100
cfarCfg 0 0 2 8 4 3 0 15.0 0
cfarCfg 0 1 0 4 2 3 1 14.0 0
cfarCfg 1 0 2 8 4 3 0 13.0 1
cfarCfg 1 1 0 4 2 3 1 12.0 1
multiObjBeamForming 0 1 0.5
multiObjBeamForming 1 0 0.4
cfarFovCfg 0 0 0.25 4.4
cfarFovCfg 1 0 4.4 9.6
clutterRemoval -1 0
"""

LOW_POWER = """\
sensorStop 0
channelCfg 7 3 0
chirpComnCfg 15 5 0 128 1 34 3
chirpTimingCfg 6 26 1 47.95 60
frameCfg 2 0 600 64 200 0
antGeometryCfg 0 0 1 1 0 2 0 1 1 2 0 3 2.418 2.418
guiMonitor 0 0 0 0 0 0 0 0 0 0 0
sigProcChainCfg 32 2 1 0 64 1 0 0.3
cfarCfg 2 8 4 3 0 7.0 0 0.5 0 1 1 1
aoaFovCfg -70 70 -40 40
rangeSelCfg 1.2 10.0
clutterRemoval 0
compRangeBiasAndRxChanPhase 0.0 1.0 0.0 -1.0 0.0 1.0 0.0 -1.0 0.0 1.0 0.0 -1.0 0.0
adcDataSource 0 adc_data_0001_CtestAdc6Ant.bin
sensorStart 0 0 0 0
"""


def studio(**changes) -> dict:
    """The entries of a NAME.mmwave.json that matter, with RadHAR's values."""
    profile = dict(
        profileId=0, startFreqConst_GHz=77.0, idleTimeConst_usec=7.0, adcStartTimeConst_usec=7.0,
        rampEndTime_usec=57.14, txOutPowerBackoffCode="0x0", txPhaseShifter="0x0", 
        freqSlopeConst_MHz_usec=70.0, txStartTime_usec=1.0,
        numAdcSamples=240, digOutSampleRate=4884, hpfCornerFreq1="HPF1_175_KHz", hpfCornerFreq2="HPF2_350_KHz",
        rxGain_dB="0x1E",
    )  # fmt: skip
    zero = dict(startFreqVar_MHz=0.0, freqSlopeVar_KHz_usec=0.0, idleTimeVar_usec=0.0, adcStartTimeVar_usec=0.0)
    chirps = [
        {"rlChirpCfg_t": dict(chirpStartIdx=i, chirpEndIdx=i, profileId=0, txEnable=mask, **zero)}
        for i, mask in enumerate(("0x1", "0x4", "0x2"))
    ]
    frame = dict(
        chirpStartIdx=0, chirpEndIdx=2, numLoops=16, numFrames=0, framePeriodicity_msec=33.333, triggerSelect=1,
        frameTriggerDelay=0.0,
    )  # fmt: skip
    rf = {
        "rlChanCfg_t": {"rxChannelEn": "0xF", "txChannelEn": "0x7"},
        "rlAdcOutCfg_t": {"fmt": {"b2AdcBits": 2, "b2AdcOutFmt": 1}},
        "rlProfiles": [{"rlProfileCfg_t": profile}],
        "rlChirps": chirps,
        "rlFrameCfg_t": frame | changes,
    }
    return {"mmWaveDevices": [{"rfConfig": rf}]}


# The xWRL6844's out-of-box demo (TI's cli.c, commands of its bypass).
LOW_POWER_6844 = """\
sensorStop 0
channelCfg 153 255 0
chirpComnCfg 8 0 0 256 1 13.1 3
chirpTimingCfg 6 63 0 160 58
frameCfg 64 0 1358 1 100 0
guiMonitor 1 1 0 0 0 1
cfarProcCfg 0 2 8 4 3 0 9.0 0
cfarProcCfg 1 2 4 2 2 1 8.0 1
cfarFovCfg 0 0.25 9.0
cfarFovCfg 1 -20.16 20.16
aoaProcCfg 64 64
aoaFovCfg -60 60 -60 60
clutterRemoval 0
factoryCalibCfg 1 0 44 2 0x1ff000
runtimeCalibCfg 1
antGeometryBoard xWRL6844EVM
adcDataSource 0 adc_test_data_0001.bin
adcLogging 0
lowPowerCfg 1
sensorStart 0 0 0 0
"""
