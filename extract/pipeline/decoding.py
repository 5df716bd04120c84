"""What decode workers do for a preset."""

from __future__ import annotations

from dataclasses import replace

from extract.decode.decode_settings import DecodeSettings
from extract.decode.pyav_reader import open_pyav
from extract.pipeline.run_settings import RunSettings
from extract.presets import Preset


def decode_settings(preset: Preset, settings: RunSettings) -> DecodeSettings:
    decoding = DecodeSettings(
        workers=settings.workers,
        stall_seconds=settings.stall_seconds,
        on_damage=settings.on_damage,
        fps=preset.fps,
        keep_every=preset.keep_every,
        keep_seconds=preset.segment_seconds if preset.keeps_starts else None,
        descriptor=preset.descriptor,
        sound=preset.sound,
        clip_length=preset.clip_length,
        segment_stride=preset.segment_stride,
        segment_seconds=preset.segment_seconds,
        tail=preset.tail,
        stream=settings.stream,
    )
    # Where no pixel is needed, PyAV converts none; decord always does.
    readers = settings.readers or ((open_pyav,) if preset.sound is not None else None)
    return decoding if readers is None else replace(decoding, readers=readers)
