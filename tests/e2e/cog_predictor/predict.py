"""A small predictor for the real cog server: draws what it is told, fails when it is told to."""

import tempfile

from cog import BasePredictor, Input, Path
from PIL import Image


class Predictor(BasePredictor):
    def predict(
        self,
        prompt: str = Input(description="what to draw"),
        width: int = Input(default=64),
        height: int = Input(default=64),
        seed: int = Input(default=0),
        num_inference_steps: int = Input(default=1),
        output_format: str = Input(default="png"),
        images: list[Path] = Input(default=None),
    ) -> list[Path]:
        if "please fail" in prompt:
            raise ValueError("the model fell over")
        if "something indecent" in prompt:
            raise ValueError("NSFW content detected")
        if images:
            image = Image.open(images[0]).convert("RGB").resize((width, height))
        else:
            image = Image.new("RGB", (width, height), (seed % 256, num_inference_steps % 256, len(prompt) % 256))
        file = Path(tempfile.mkdtemp()) / f"out.{output_format}"
        image.save(file)
        return [file]
