//! `/health/live`, `/health/ready`, `/metrics`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::Api;

/// The process answers.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// Token, database and lease work.
pub(crate) async fn ready(api: web::Data<Api>) -> HttpResponse {
    match api.health.problems(api.clock.boottime()) {
        none if none.is_empty() => HttpResponse::Ok().json(json!({"status": "ready"})),
        problems => HttpResponse::ServiceUnavailable().json(json!({"status": "not ready", "problems": problems})),
    }
}

/// The metrics in Prometheus' text format.
pub(crate) async fn metrics(api: web::Data<Api>) -> HttpResponse {
    api.counts.publish();
    api.service.publish_gauges(&api.health);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body((api.metrics)())
}
