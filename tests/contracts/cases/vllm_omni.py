"""vLLM-Omni, after the models of its server: ImageGenerationResponse, and FastAPI's errors."""

from arena.domain.failure import FailureKind
from tests.contracts.case import PNG, Case, Reply

MISMATCH = "Model mismatch: request specifies 'm-1' but server is running 'other'."

CASE = Case(
    protocol="vllm-omni",
    inline=Reply(
        {
            "created": 1,
            "data": [{"b64_json": PNG, "url": None, "revised_prompt": None}],
            "output_format": "png",
            "size": "512x768",
            "cot_output": None,
            "metrics": {
                "stage_durations": {
                    "Flux2KleinPipeline.text_encoder.forward": 0.03,
                    "Flux2KleinPipeline.diffuse": 0.4,
                    "Flux2KleinPipeline.vae.decode": 0.05,
                },
                "peak_memory_mb": 12000.0,
            },
        }
    ),
    # It moderates nothing itself; this is a filter that was put in front of it.
    moderated=((Reply({"detail": "The prompt was blocked by the safety filter."}, 400), FailureKind.MODERATED_INPUT),),
    failures=(
        (Reply({"detail": MISMATCH}, 400), FailureKind.NOT_FOUND),
        (Reply({"detail": "Received 5 input images. At most 4 images are supported by this model."}, 400),
         FailureKind.INVALID_REQUEST),
        (Reply({"detail": [{"type": "less_than_equal", "loc": ["body", "n"], "msg": "too many"}]}, 422),
         FailureKind.INVALID_REQUEST),
        (Reply({"error": "Unauthorized"}, 401), FailureKind.AUTH),
        (Reply({"detail": "Image generation failed: CUDA out of memory"}, 500), FailureKind.PROVIDER_ERROR),
        (Reply({"detail": "Multi-stage engine not initialized."}, 503), FailureKind.CAPACITY),
    ),
)  # fmt: skip
